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

void send(const eddy::LoopHandle& loop, Line& line, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const bool accepted = loop.post([&line, i] {
            line.out_of_order += line.arrived.load(std::memory_order_relaxed) == i ? 0U : 1U;
            line.arrived.fetch_add(1, std::memory_order_release);
        });
        line.refused += accepted ? 0U : 1U;
        while (i - line.arrived.load(std::memory_order_acquire) > behind &&
               i >= line.arrived.load(std::memory_order_acquire)) {
            std::this_thread::yield();
        }
    }
    line.sent = count;
}

Task<> receive(std::array<Line, threads>& lines, std::uint64_t count) {
    std::vector<std::thread> senders;
    const eddy::LoopHandle loop = eddy::Loop::current().handle();
    for (Line& line : lines) {
        senders.emplace_back([&line, count, loop] { send(loop, line, count); });
    }
    for (const Line& line : lines) {
        while (line.arrived != count) {  // a lost item keeps us here until the test times out
            co_await eddy::sleep_for(std::chrono::milliseconds(1));
        }
    }
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
