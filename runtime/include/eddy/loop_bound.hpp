// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

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
/// Made while a loop runs on the thread, it belongs to that thread. Made before (a global, set up
/// in `main`), it belongs to nobody, and any thread may use it, until it is first used on one with
/// a loop. After the loop, the thread that ran it may: to look at the result, or to run another
/// loop. A child that was forked while the loop ran is another thread. Letting go (destructors) is
/// for everybody once no loop runs on that thread: after its end, and in a child. Copies belong
/// where the original does.
///
/// Cost: a compare with a thread-local, in every build; 8 bytes.
class LoopBound final {
public:
    LoopBound() noexcept
        : thread_(detail::thread_state.core != nullptr ? detail::thread_state.identity : 0) {}

    /// Throws: `WrongThread` naming `what`; nothing has been touched.
    void check(const char* what) const {
        if (thread_ != detail::thread_state.identity) [[unlikely]] {
            bind(what);
        }
    }

    /// Where nothing can be thrown, in the destructors of guards: may this thread let go?
    [[nodiscard]] bool here() const noexcept {
        const detail::ThreadState& thread = detail::thread_state;
        return thread_ == thread.identity || thread_ == 0 || detail::loop_is_over(thread_);
    }

private:
    void bind(const char* what) const;

    mutable std::uint64_t thread_;  // its identity; 0: nobody's yet
};

}  // namespace eddy::inline v0_1
