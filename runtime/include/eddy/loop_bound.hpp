// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

/// Keeps a primitive on one thread: a member that knows its loop's thread from the beginning, or
/// learns it at the first use on a loop, and throws `WrongThread` when another thread comes along.
///
///     void Gate::open() {
///         bound_.check("Gate::open");
///         ...
///     }
///
/// | it was made                          | may be used on                                        |
/// |--------------------------------------|-------------------------------------------------------|
/// | while a loop runs on the thread      | that thread, also after the loop                      |
/// | before (a global, set up in `main`)  | any thread, until one with a loop uses it: that one   |
/// | as a copy                            | where the original may                                |
///
/// A child that was forked while the loop ran counts as another thread. Destroying, and releasing
/// in a destructor (`here`), is for any thread once no loop runs on the one that it belongs to:
/// after the loop, and in a child.
///
/// Cost: a compare with a thread-local, in every build; 8 bytes.
class EDDY_API LoopBound final {
public:
    LoopBound() noexcept
        : thread_(detail::thread_state.core != nullptr ? detail::thread_state.identity : 0) {}

    /// Throws: `WrongThread` naming `what`; nothing has been touched.
    void check(const char* what) const {
        if (thread_ != detail::thread_state.identity) [[unlikely]] {
            bind(what);
        }
    }

    /// For destructors, of guards for example, which cannot throw: whether this thread may destroy
    /// or release.
    [[nodiscard]] bool here() const noexcept {
        const detail::ThreadState& thread = detail::thread_state;
        return thread_ == thread.identity || thread_ == 0 || detail::loop_is_over(thread_);
    }

private:
    void bind(const char* what) const;

    mutable std::uint64_t thread_;  // its identity; 0: nobody's yet
};

}  // namespace eddy::inline v0_1
