// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace explore {

/// How far an exploration goes. Each bound is a number of times per execution.
struct Options {
    std::size_t preemptions = 2;  ///< a thread is stopped although it could go on
    /// A load sees less than the newest, a weak compare-and-swap fails for nothing, a timed wait
    /// ends although something else could go on.
    std::size_t surprises = 1;
    std::size_t steps = 5'000;  ///< operations, after which it counts as a livelock
    std::size_t schedules = 0;  ///< 0: all of them
    /// Bits: what `outcome` is to have been given, by some execution each, and nothing else. 0:
    /// that is not looked at.
    std::uint64_t outcomes = 0;
    /// An execution that gets where another one has been is not varied from there on.
    bool prune = true;
};

/// The value of an environment variable, or `otherwise`.
[[nodiscard]] inline std::size_t number_from(const char* name, std::size_t otherwise) {
    const char* const text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::strtoul(text, nullptr, 10) : otherwise;
}

}  // namespace explore
