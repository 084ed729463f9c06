// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/observer.hpp>
#include <eddy/outcome.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

/// Every allocation of a scenario fails in turn, on whatever thread it is made; then it and all
/// that come after it.
///
/// Each run must end, without an abort and without a leak (the sanitizer looks), and a loop must be
/// usable after it. What a scenario may throw is what there is no memory for.

namespace eddy::testing {

/// One run: in which allocation memory becomes short, counted from `begin`.
class ShortageRun final {
public:
    explicit ShortageRun(std::size_t nth, Shortage::Mode mode) noexcept : nth_(nth), mode_(mode) {}

    /// From here on, until `end`. No checks meanwhile: they allocate.
    void begin() { shortage_.emplace(nth_, mode_); }
    /// There is memory again.
    void end() noexcept { failed_ = Shortage::lift() || failed_; }

    [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
    std::size_t nth_;
    Shortage::Mode mode_;
    bool failed_ = false;
    std::optional<Shortage> shortage_;
};

/// Counts failures, and needs no memory for it.
class CountingObserver final : public Observer {
public:
    void failure(const JobInfo&, std::exception_ptr, std::string_view) override { ++failures; }
    void job_abandoned(const JobInfo&, std::string_view) override { ++abandoned; }

    std::size_t failures = 0;
    std::size_t abandoned = 0;
};

namespace shortage_kit {

inline Task<int> passes_on(int value) {
    co_await yield();
    co_return value;
}

/// A loop that runs does what loops do.
inline Task<> works() {
    JoinHandle<int> job = spawn(passes_on(1));
    co_await sleep_for(std::chrono::microseconds(1));
    const int value = co_await job;
    CHECK(value == 1);
    const bool slept = co_await move_on_after(std::chrono::microseconds(1), sleep_forever());
    CHECK_FALSE(slept);
}

}  // namespace shortage_kit

/// Runs `scenario(run)` until no allocation is left that could fail.
inline void survives_shortage(const std::function<void(ShortageRun&)>& scenario) {
    constexpr std::size_t endless = 20'000;
    const std::size_t sites = Shortage::sites();
    std::size_t runs = 0;
    for (const Shortage::Mode mode : {Shortage::Mode::once, Shortage::Mode::and_after}) {
        std::size_t n = 0;
        for (bool failed = true; failed && n < endless; ++n) {
            ShortageRun run(n, mode);
            std::thread([&] {  // whose pools are cold: frames need memory too
                try {
                    scenario(run);
                } catch (const std::exception&) {  // there was no memory for it
                }
                run.end();
                VirtualClock clock;
                Loop({.clock = &clock}).run(shortage_kit::works());
            })
                .join();
            failed = run.failed();
        }
        CHECK(n > 1);
        CHECK(n < endless);
        runs += n;
    }
    MESSAGE(runs << " runs, " << Shortage::sites() - sites << " sites that are new");
}

/// The whole life of a loop.
inline void survives_shortage_of_loop(const std::function<Task<>()>& main,
                                      Duration grace = std::chrono::seconds(1)) {
    survives_shortage([&](ShortageRun& run) {
        VirtualClock clock;
        CountingObserver observer;
        run.begin();
        Loop loop({.clock = &clock, .observer = &observer});
        loop.run(main(), {.grace = grace});
    });
}

/// What a job does; its loop is usable when there is memory again.
inline void survives_shortage_in_job(const std::function<Task<>()>& work) {
    survives_shortage([&](ShortageRun& run) {
        VirtualClock clock;
        CountingObserver observer;
        const auto main = [&]() -> Task<> {
            run.begin();
            try {
                co_await work();
            } catch (const std::exception&) {  // there was no memory for it
            }
            run.end();
            co_await shortage_kit::works();
        };
        Loop({.clock = &clock, .observer = &observer}).run(main());
    });
}

}  // namespace eddy::testing
