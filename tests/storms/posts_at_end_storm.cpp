// SPDX-License-Identifier: MIT
// Two threads post while a loop begins, runs and ends, round after round: what was accepted is
// called, what is refused is not, and nothing touches a loop that is gone.
#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include <eddy/loop.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

Task<> yield_often(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        co_await eddy::yield();
    }
}

/// Where the two threads find the loop of a round, and say that they are done with it.
struct Round {
    std::atomic<std::uint64_t> number{0};
    std::atomic<int> working{0};
    std::optional<eddy::LoopHandle> loop;  // written while nobody works
    std::atomic<std::size_t> accepted{0};
    std::size_t executed = 0;  // by the loop, or by the thread that destroys it
    bool over = false;         // written as `loop` is
};

/// Posts until it is refused; every other time once more.
void hammer(Round& round) {
    std::uint64_t seen = 0;
    while (true) {
        while (round.number.load(std::memory_order_acquire) == seen) {
            std::this_thread::yield();
        }
        ++seen;
        if (round.over) {
            return;
        }
        std::size_t mine = 0;
        while (round.loop->post([&round] { ++round.executed; })) {
            ++mine;
        }
        if (round.loop->post([&round] { ++round.executed; })) {
            ++mine;  // after a refusal: it is counted as executed, never
        }
        round.accepted += mine;
        --round.working;
    }
}

bool posts_at_end(std::size_t count) {
    Round round;
    std::thread first([&round] { hammer(round); });
    std::thread second([&round] { hammer(round); });
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
        round.accepted = 0;
        round.executed = 0;
        round.working = 2;
        std::optional<eddy::Loop> loop(std::in_place);
        round.loop = loop->handle();
        round.number.fetch_add(1, std::memory_order_release);
        if (i % 5 != 0) {  // else it ends without having run
            loop->run(yield_often(i % 7));
        }
        loop.reset();
        while (round.working != 0) {
            std::this_thread::yield();
        }
        wrong += round.executed == round.accepted ? 0U : 1U;
    }
    round.over = true;
    round.number.fetch_add(1, std::memory_order_release);
    first.join();
    second.join();
    return storms::check(wrong == 0, "what was accepted was called, and nothing else");
}

const storms::Registered registered(
    {"posts_at_end", "loops that end under posts", 2'000, 100'000, posts_at_end});

}  // namespace
