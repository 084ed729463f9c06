// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "options.hpp"

/// What a scenario is written with. It is an ordinary program otherwise: `std::thread`, atomics,
/// mutexes, allocations, all of which the engine sees because the scenario is compiled for it.
///
///     EXPLORE("box: what is put in comes out") {
///         Box box;
///         std::thread sender([&box] { box.put(7); });
///         explore::check(box.take() == 7, "the value");
///         sender.join();
///     }
///
/// A scenario ends with all its threads ended and all its memory released, and does the same
/// whenever the same decisions are made: no clock, no random numbers, nothing kept from one call to
/// the next.
namespace explore {

/// Ends the program, with the schedule that led here, if it is false.
void check(bool condition, const char* what);

/// Another execution of the same scenario may differ here: 0 to count - 1, every one of them.
[[nodiscard]] unsigned choose(unsigned count);

/// How this execution has ended, 0 to 63, for `Options::outcomes`.
void outcome(unsigned number);

/// The number of threads to use: what EDDY_EXPLORE_THREADS says, or `otherwise`.
[[nodiscard]] unsigned threads(unsigned otherwise);

/// An eventfd: it counts, and who waits takes all. Orders nothing else, unlike a real one.
class Doorbell {
public:
    Doorbell() = default;
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    void ring();
    void wait();
    /// How often it was rung, in all. For checks.
    [[nodiscard]] unsigned rung() const noexcept { return rung_; }

private:
    unsigned count_ = 0;
    unsigned rung_ = 0;
    std::uint64_t past_ = 0;
};

/// A scenario that `main` runs.
class Scenario {
public:
    Scenario(const char* name, void (*body)(), const Options& limits);
    Scenario(const Scenario&) = delete;
    Scenario& operator=(const Scenario&) = delete;

    const char* name;
    void (*body)();
    Options limits;  ///< what it is explored with, unless the environment says otherwise
    Scenario* next = nullptr;
};

}  // namespace explore

#define EXPLORE_JOIN_(a, b) a##b
#define EXPLORE_JOIN(a, b) EXPLORE_JOIN_(a, b)
/// EXPLORE("name", .surprises = 0) { body }: what stands behind the name are `Options`.
#define EXPLORE(text, ...)                                                       \
    static void EXPLORE_JOIN(scenario_, __LINE__)();                             \
    static const explore::Scenario EXPLORE_JOIN(registered_, __LINE__)(          \
        text, EXPLORE_JOIN(scenario_, __LINE__), explore::Options{__VA_ARGS__}); \
    static void EXPLORE_JOIN(scenario_, __LINE__)()
