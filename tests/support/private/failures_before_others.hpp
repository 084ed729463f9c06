// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>

#include <eddy/detail/turn.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::testing {

/// How often a job that awaits `fn()`, and swallows what that throws, got its way before another
/// ran.
template <class F>
Task<std::size_t> failures_before_others(F fn) {
    bool other_ran = false;
    auto other = spawn([&other_ran]() -> Task<> {
        co_await yield();
        other_ran = true;
    });
    std::size_t failures = 0;
    while (!other_ran && failures < 10'000) {
        try {
            static_cast<void>(co_await fn());
        } catch (const std::exception&) {
            ++failures;
        }
    }
    co_await other;
    co_return failures;
}

/// At most so many: the other job yields once; a random order may double that.
inline constexpr std::size_t few_failures = 4 * eddy::detail::Turn::budget;

}  // namespace eddy::testing
