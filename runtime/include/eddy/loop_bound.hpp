// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/thread_state.hpp>

namespace eddy {

/// Keeps a primitive on one thread: a member that learns its loop's thread at the first use and
/// throws `WrongThread` when another thread comes along.
///
///     void Gate::open() {
///         bound_.check("Gate::open");
///         ...
///     }
///
/// Before the first loop (a global, set up in `main`) any thread may use the primitive; after the
/// last one, the thread that ran it may: to look at the result, or to run another loop.
///
/// Cost: a compare with the address of a thread-local, in every build.
class LoopBound final {
public:
    /// Throws: `WrongThread` naming `what`; nothing has been touched.
    void check(const char* what) const {
        if (thread_ != &detail::thread_state) [[unlikely]] {
            bind(what);
        }
    }

    /// The same question where nothing can be thrown: in the destructors of guards.
    [[nodiscard]] bool here() const noexcept {
        return thread_ == &detail::thread_state || thread_ == nullptr;
    }

private:
    void bind(const char* what) const;

    mutable const detail::ThreadState* thread_ = nullptr;
};

}  // namespace eddy
