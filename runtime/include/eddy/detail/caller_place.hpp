// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <coroutine>
#include <source_location>

#include <eddy/detail/export.hpp>
#include <eddy/detail/promise.hpp>

namespace eddy::inline v0_1::detail {

/// Whether a place is in Eddy itself, so that nobody wants to be told of it.
///
/// Cost: a few instructions for a file that was asked for lately, else a search in its name.
[[nodiscard]] EDDY_API bool in_library(const std::source_location& place) noexcept;

/// The innermost place of the user's in a chain of awaits that begins at `leaf`: where the user's
/// code awaits what ends there. Without one, `fallback`.
///
/// Cost: linear in the library's own frames, of which it looks at 64 at most.
[[nodiscard]] EDDY_API std::source_location user_place(
    const PromiseBase& leaf, const std::source_location& fallback) noexcept;

/// The same from the frame that awaits `frame` on; without one, where the running job was spawned.
[[nodiscard]] EDDY_API std::source_location place_above(const PromiseBase& frame) noexcept;

/// `const auto place = co_await caller_place()`: where a coroutine of the library was awaited, or
/// spawned, by the user: what the jobs that it spawns say they come from. Never suspends, and is no
/// checkpoint.
class CallerPlace final {
public:
    using eddy_awaiter = CallerPlace;

    CallerPlace() noexcept {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <std::derived_from<PromiseBase> P>
    [[nodiscard]] bool await_suspend(std::coroutine_handle<P> self) noexcept {
        place_ = place_above(self.promise());
        return false;
    }
    [[nodiscard]] std::source_location await_resume() const noexcept { return place_; }

private:
    std::source_location place_;
};

[[nodiscard]] inline CallerPlace caller_place() noexcept { return CallerPlace(); }

}  // namespace eddy::inline v0_1::detail
