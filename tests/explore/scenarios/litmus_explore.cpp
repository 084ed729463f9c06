// SPDX-License-Identifier: MIT
// What the engine must be able to see, and what it must not: programs whose outcomes are known.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "explore.hpp"

namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

/// Two threads store to a place each, then look at the other's: bit 0 and 1 for what they saw.
void store_buffering(std::memory_order order, bool fences) {
    std::atomic<unsigned> x{0};
    std::atomic<unsigned> y{0};
    const auto run = [&](std::atomic<unsigned>& mine, std::atomic<unsigned>& other) {
        mine.store(1, order);
        if (fences) {
            std::atomic_thread_fence(seq_cst);
        }
        return other.load(order);
    };
    unsigned first = 0;
    std::thread thread([&] { first = run(x, y); });
    const unsigned second = run(y, x);
    thread.join();
    explore::outcome(first + 2 * second);
}

/// One thread stores x, then y; the other looks at y, then x: bit 0 for y, bit 1 for x.
void message_passing(std::memory_order store, std::memory_order load, bool fences) {
    std::atomic<unsigned> x{0};
    std::atomic<unsigned> y{0};
    std::thread thread([&] {
        x.store(1, relaxed);
        if (fences) {
            std::atomic_thread_fence(release);
        }
        y.store(1, store);
    });
    const unsigned flag = y.load(load);
    if (fences) {
        std::atomic_thread_fence(acquire);
    }
    explore::outcome(flag + 2 * x.load(relaxed));
    thread.join();
}

}  // namespace

EXPLORE("litmus: store buffering, relaxed: each may miss the other", .outcomes = 0b1111) {
    store_buffering(relaxed, false);
}
EXPLORE("litmus: store buffering, seq_cst: not both", .outcomes = 0b1110) {
    store_buffering(seq_cst, false);
}
EXPLORE("litmus: store buffering, fences: not both", .outcomes = 0b1110) {
    store_buffering(relaxed, true);
}

EXPLORE("litmus: message passing, relaxed: the flag without the message", .outcomes = 0b1111) {
    message_passing(relaxed, relaxed, false);
}
EXPLORE("litmus: message passing, release and relaxed: the same", .outcomes = 0b1111) {
    message_passing(release, relaxed, false);
}
EXPLORE("litmus: message passing, release and acquire: never", .outcomes = 0b1101) {
    message_passing(release, acquire, false);
}
EXPLORE("litmus: message passing, fences: never", .outcomes = 0b1101) {
    message_passing(relaxed, relaxed, true);
}

EXPLORE("litmus: nobody sees a place go back", .surprises = 2, .outcomes = 0b1101) {
    std::atomic<unsigned> x{0};
    std::thread thread([&] { x.store(1, relaxed); });
    const unsigned first = x.load(relaxed);
    explore::outcome(first + 2 * x.load(relaxed));
    thread.join();
}

EXPLORE("litmus: a release goes through what others add", .outcomes = 0b1101) {
    std::atomic<unsigned> x{0};
    std::atomic<unsigned> count{0};
    std::thread a([&] {
        x.store(1, relaxed);
        count.fetch_add(1, release);
        count.fetch_add(1, relaxed);
    });
    const unsigned seen = count.load(acquire);
    explore::outcome((seen == 2 ? 1 : 0) + 2 * x.load(relaxed));
    a.join();
}

EXPLORE("litmus: a weak compare-and-swap may fail for nothing", .outcomes = 0b11) {
    std::atomic<unsigned> x{0};
    std::thread thread([&] { static_cast<void>(x.load()); });
    unsigned expected = 0;
    explore::outcome(x.compare_exchange_weak(expected, 1) ? 1 : 0);
    thread.join();
}

EXPLORE("litmus: two additions are never lost, two loads and stores may be", .outcomes = 0b0110) {
    std::atomic<unsigned> x{0};
    std::thread thread([&] { x.store(x.load() + 1); });
    x.store(x.load() + 1);
    thread.join();
    explore::outcome(x.load());
}

EXPLORE("litmus: a wait with a time may end by itself, one without is notified", .outcomes = 0b11) {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    std::thread thread([&] {
        {
            const std::lock_guard lock(mutex);
            done = true;
        }
        changed.notify_one();
    });
    std::unique_lock lock(mutex);
    const bool came = changed.wait_for(lock, std::chrono::seconds(1), [&] { return done; });
    changed.wait(lock, [&] { return done; });
    lock.unlock();
    thread.join();
    explore::outcome(came ? 1 : 0);
}
