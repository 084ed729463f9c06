// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/inbox.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1 {

namespace detail {
/// Of a post that is in: if it came from the loop's own thread, the host of a guest hears of it,
/// also if others have posted before and the inbox wakes nobody.
EDDY_API void posted_here(const Inbox& inbox) noexcept;
}  // namespace detail

/// A way into a loop from any thread, which outlives the loop.
///
/// Threading: any thread; copies are independent.
class EDDY_VISIBLE LoopHandle final {
public:
    explicit LoopHandle(std::shared_ptr<detail::Inbox> inbox) noexcept : inbox_(std::move(inbox)) {}

    /// Has the loop call `fn()` on its own thread, between jobs. True: it will be called, before
    /// the loop ends. False: the loop is over, or this is a child that was forked since it was
    /// made; `fn` has been destroyed uncalled. What `fn` throws goes to the loop's observer.
    ///
    /// Order: that of the posts of one thread.
    /// Cost:  a wake-up only for the first of a burst; one allocation for 63 functions of up to 48
    ///        bytes, and one for each that is bigger.
    template <class F>
    [[nodiscard]] bool post(F&& fn) const {
        auto node = std::make_unique<detail::PostedFunction<std::decay_t<F>>>(std::forward<F>(fn));
        if (!inbox_->push(*node)) {
            return false;
        }
        static_cast<void>(node.release());
        if (detail::thread_state.core != nullptr) [[unlikely]] {
            detail::posted_here(*inbox_);
        }
        return true;
    }

    /// True once posts are refused.
    [[nodiscard]] bool closed() const noexcept { return inbox_->refuses(); }

private:
    std::shared_ptr<detail::Inbox> inbox_;
};

}  // namespace eddy::inline v0_1
