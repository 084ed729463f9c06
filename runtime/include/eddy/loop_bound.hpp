// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/thread_state.hpp>

namespace eddy {

/// Keeps a primitive on one thread: a member that learns its loop at the first use and throws
/// `WrongThread` when another loop, or a thread without one, comes along.
///
///     void Gate::open() {
///         bound_.check("Gate::open");
///         ...
///     }
///
/// Before the first loop (a global, set up in `main`) any thread may use the primitive.
///
/// Cost: one thread-local load and a compare, in every build.
class LoopBound final {
public:
    /// Throws: `WrongThread` naming `what`; nothing has been touched.
    void check(const char* what) {
        if (detail::thread_state.core != core_ || core_ == nullptr) [[unlikely]] {
            bind(what);
        }
    }

private:
    void bind(const char* what);

    const detail::LoopCore* core_ = nullptr;
};

}  // namespace eddy
