// SPDX-License-Identifier: MIT
// Four threads post to one loop as fast as it takes them: every item arrives, once, and those of
// one thread in order, however few times the loop is woken.
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

constexpr std::size_t threads = 4;
constexpr std::uint64_t behind = 1'000;  // at most, of each thread: the memory is ours to bound

/// Of one thread. It writes `sent`, the loop the others.
struct Line {
    std::uint64_t sent = 0;
    std::atomic<std::uint64_t> arrived{0};
    std::uint64_t out_of_order = 0;
    std::uint64_t refused = 0;
};

Task<> wait_for_ever() { co_await eddy::sleep_forever(); }

/// Who waits for the last item, by nothing but that: a wake-up that is lost is noticed.
struct Finish {
    std::size_t lines = 0;
    eddy::JoinHandle<void> waiting;
    void one() {
        if (++lines == threads) {
            waiting.cancel();
        }
    }
};

void send(const eddy::LoopHandle& loop, Line& line, std::uint64_t count, Finish& finish) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const bool accepted = loop.post([&line, &finish, i, count] {
            line.out_of_order += line.arrived.load(std::memory_order_relaxed) == i ? 0U : 1U;
            line.arrived.fetch_add(1, std::memory_order_release);
            if (i + 1 == count) {
                finish.one();
            }
        });
        line.refused += accepted ? 0U : 1U;
        while (i >= line.arrived.load(std::memory_order_acquire) + behind) {
            std::this_thread::yield();
        }
    }
    line.sent = count;
}

Task<> receive(std::array<Line, threads>& lines, std::uint64_t count) {
    Finish finish;
    finish.waiting = eddy::spawn(wait_for_ever());
    std::vector<std::thread> senders;
    const eddy::LoopHandle loop = eddy::Loop::current().handle();
    for (Line& line : lines) {
        senders.emplace_back([&line, &finish, count, loop] { send(loop, line, count, finish); });
    }
    co_await finish.waiting.wait();
    for (std::thread& sender : senders) {
        sender.join();
    }
}

bool posts(std::size_t count) {
    std::array<Line, threads> lines;
    eddy::run(receive(lines, count / threads));
    bool good = true;
    for (const Line& line : lines) {
        good &= storms::check(line.arrived == line.sent, "every item arrives");
        good &= storms::check(line.out_of_order == 0, "in order");
        good &= storms::check(line.refused == 0, "no item is refused");
    }
    return good;
}

const storms::Registered registered({"posts", "posts of four threads", 400'000, 40'000'000, posts});

}  // namespace
