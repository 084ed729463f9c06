// SPDX-License-Identifier: MIT
// Signals faster than anybody takes them: half of them raised on the loop's thread, half sent to
// the process by another one. The process survives, at least one arrives, afterwards the loop is
// idle, and the next signal arrives as ever.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>
#include <unistd.h>

#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;

constexpr std::size_t in_a_row = 500;
constexpr auto idle_time = 300ms;

Task<> count_signals(eddy::SignalSet& signals, std::size_t& delivered) {
    while (true) {
        const int number = co_await signals.next();
        delivered += number == SIGUSR1 ? 1U : 0U;
    }
}

struct Result {
    std::size_t delivered = 0;
    double idle_seconds = 1;
    bool alive = false;
};

Task<> storm(std::size_t count, Result& result) {
    eddy::SignalSet signals{SIGUSR1};
    auto counting = eddy::spawn(count_signals(signals, result.delivered));
    std::atomic<bool> sent{false};
    std::thread sender([&] {
        for (std::size_t i = 0; i < count / 2; ++i) {
            kill(getpid(), SIGUSR1);
        }
        sent = true;
    });
    for (std::size_t i = 0; i < count / 2; ++i) {
        std::raise(SIGUSR1);
        if (i % in_a_row == 0) {
            co_await eddy::yield();
        }
    }
    while (!sent) {
        co_await eddy::yield();
    }
    sender.join();
    co_await eddy::sleep_for(10ms);  // takes what is still on its way
    const double before = storms::processor_seconds();
    co_await eddy::sleep_for(idle_time);
    result.idle_seconds = storms::processor_seconds() - before;
    const std::size_t so_far = result.delivered;
    std::raise(SIGUSR1);
    for (int i = 0; i < 1'000 && result.delivered == so_far; ++i) {
        co_await eddy::sleep_for(1ms);
    }
    result.alive = result.delivered == so_far + 1;
    counting.cancel();
    co_await counting.wait();
}

bool signals(std::size_t count) {
    Result result;
    eddy::run(storm(count, result));
    std::printf(
        "%zu of them arrived one by one, the others were one with their like; "
        "idle afterwards: %.1f %% of a processor\n",
        result.delivered,
        result.idle_seconds * 100 / std::chrono::duration<double>(idle_time).count());
    bool good = storms::check(result.delivered >= 1, "a signal arrives");
    good &= storms::check(result.delivered <= count + 1, "none arrives twice");
    good &= storms::check(result.idle_seconds < 0.1, "the loop is idle afterwards");
    good &= storms::check(result.alive, "the next signal arrives");
    return good;
}

const storms::Registered registered({"signals", "signals", 100'000, 5'000'000, signals});

}  // namespace
