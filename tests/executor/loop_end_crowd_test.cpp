// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/channel.hpp>
#include <eddy/condition.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/event.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/interval.hpp>
#include <eddy/join_set.hpp>
#include <eddy/lock.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/queue.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "descriptor_count.hpp"
#include "descriptor_limit.hpp"
#include "skip.hpp"

// A loop that ends with a thousand jobs in each wait there is, with their sockets, timers, signals
// and queued calls: they unwind, or are destroyed, and nothing is left of them.

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

#if EDDY_FRAME_POOL
constexpr std::size_t thousand = 1'000;
#else
constexpr std::size_t thousand = 100;  // under a sanitizer, which takes ten times as long
#endif

/// What the jobs wait for. Made before the loop, it outlives them.
struct Crowd {
    std::size_t alive = 0;
    std::size_t cancelled = 0;
    std::size_t cleaned = 0;
    std::size_t called = 0;
    Event never_set;
    Lock lock;
    Lock condition_lock;
    Condition condition{condition_lock};
    Semaphore permits{0};
    Queue<int> queue{1};
    std::pair<Sender<int>, Receiver<int>> channel = open_channel<int>(1);
    std::pair<RemoteSender<int>, RemoteReceiver<int>> remote = open_remote_channel<int>(1);
    ThreadPool pool{{.threads = 2, .queue_bound = thousand, .grace = 10s}};
    std::optional<TcpListener> listener;
    std::optional<SignalSet> signals;
    std::vector<Completion<int>> completions;
    std::vector<std::byte> block = std::vector<std::byte>(4U << 20U);
};

/// Counts the frames that are alive, and those that were told to go.
class Alive final {
public:
    explicit Alive(Crowd& crowd) : crowd_(crowd) { ++crowd_.alive; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --crowd_.alive; }

private:
    Crowd& crowd_;
};

using Wait = Task<> (*)(Crowd&);

Task<> sleeps(Crowd&) { co_await sleep_for(24h); }
Task<> sleeps_for_ever(Crowd&) { co_await sleep_forever(); }
Task<> waits_for_event(Crowd& crowd) { co_await crowd.never_set.wait(); }
Task<> locks(Crowd& crowd) { const LockGuard guard = co_await crowd.lock.acquire(); }
Task<> acquires(Crowd& crowd) { const Permit permit = co_await crowd.permits.acquire(); }
Task<> gets(Crowd& crowd) {
    const int item = co_await crowd.queue.get();
    static_cast<void>(item);
}
Task<> receives(Crowd& crowd) {
    const auto item = co_await crowd.channel.second.next();
    static_cast<void>(item);
}
Task<> receives_from_afar(Crowd& crowd) {
    const auto item = co_await crowd.remote.second.next();
    static_cast<void>(item);
}
Task<> waits_for_condition(Crowd& crowd) {
    LockGuard guard = co_await crowd.condition_lock.acquire();
    co_await crowd.condition.wait(guard);
}
Task<> selects(Crowd& crowd) {
    const auto first = co_await select(crowd.never_set.wait(), crowd.queue.get(), sleep_for(24h));
    static_cast<void>(first);
}
Task<> has_a_group(Crowd& crowd) {
    co_await with_task_group([&crowd](TaskGroup& group) -> Task<> {
        group.spawn(waits_for_event(crowd));
        group.spawn(sleeps(crowd));
        co_await sleep_forever();
    });
}
Task<> has_a_set(Crowd& crowd) {
    JoinSet<void> set;
    set.spawn(sleeps(crowd));
    const auto outcome = co_await set.join_next();
    static_cast<void>(outcome);
}
Task<> joins(Crowd& crowd) {
    auto other = spawn(waits_for_event(crowd));
    co_await other.wait();
}
Task<> has_a_timeout(Crowd& crowd) { co_await fail_after(24h, waits_for_event(crowd)); }
Task<> cleans_up(Crowd& crowd) {
    co_await with_cleanup(sleeps(crowd), [&crowd]() -> Task<> {
        ++crowd.cleaned;
        co_return;
    });
}
Task<> ticks(Crowd&) {
    Interval interval(now() + 24h, 1h);
    co_await interval.tick();
}
Task<> waits_for_callback(Crowd& crowd) {
    const int value = co_await from_callback<int>(
        [&crowd](Completion<int> done) { crowd.completions.push_back(std::move(done)); },
        [] { return Abort::done; });
    static_cast<void>(value);
}
Task<> has_a_call_planned(Crowd& crowd) {
    call_later(24h, [&crowd] { ++crowd.called; });
    co_await sleep_forever();
}
Task<> waits_for_signal(Crowd& crowd) {
    const int number = co_await crowd.signals->next();
    static_cast<void>(number);
}
Task<> offloads(Crowd& crowd) {
    co_await run_in_executor(crowd.pool, [](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::this_thread::yield();
        }
    });
}
Task<> accepts(Crowd& crowd) { const TcpStream stream = co_await crowd.listener->accept(); }
Task<> reads(Crowd&) {
    auto [one, other] = UnixStream::pair();
    std::array<std::byte, 16> buffer{};
    const std::size_t count = co_await one.read_some(buffer);
    static_cast<void>(count);
}
Task<> reads_with_patience(Crowd&) {
    auto [one, other] = UnixStream::pair();
    TimedStream timed(std::move(one), {.idle = 24h});
    std::array<std::byte, 16> buffer{};
    const std::size_t count = co_await timed.read_some(buffer);
    static_cast<void>(count);
}
Task<> writes(Crowd& crowd) {
    auto [one, other] = UnixStream::pair();
    co_await one.write_all(crowd.block);
}

constexpr Wait waits[] = {sleeps,
                          sleeps_for_ever,
                          waits_for_event,
                          locks,
                          acquires,
                          gets,
                          receives,
                          receives_from_afar,
                          waits_for_condition,
                          selects,
                          has_a_group,
                          has_a_set,
                          joins,
                          has_a_timeout,
                          cleans_up,
                          ticks,
                          waits_for_callback,
                          has_a_call_planned,
                          waits_for_signal,
                          accepts};
constexpr Wait waits_with_two_descriptors[] = {reads, reads_with_patience, writes};
constexpr Wait waits_for_threads[] = {offloads};

Task<> one_of_them(Crowd& crowd, Wait wait, bool deaf) {
    const Alive alive(crowd);
    try {
        if (deaf) {
            co_await shield(wait(crowd));
        } else {
            co_await wait(crowd);
        }
    } catch (const Cancelled&) {
        ++crowd.cancelled;
        throw;
    }
}

template <std::size_t N>
void spawn_all(Crowd& crowd, const Wait (&kinds)[N], std::size_t count, bool deaf) {
    for (const Wait wait : kinds) {
        for (std::size_t i = 0; i < count; ++i) {
            spawn(one_of_them(crowd, wait, deaf)).detach();
        }
    }
}

/// Until all have come to their waits; `settle` would wait for callbacks and calls.
Task<> let_all_run() {
    for (int i = 0; i < 20; ++i) {
        co_await yield();
    }
}

/// Returns when everybody is in its wait.
Task<> fill(Crowd& crowd, std::size_t count, std::size_t pairs, bool deaf) {
    crowd.listener.emplace(TcpListener::listen(Address::loopback(0)));
    crowd.signals.emplace(std::initializer_list<int>{SIGUSR1});
    spawn(
        [](Crowd& its) -> Task<> {  // so that all others wait for the lock
            const LockGuard guard = co_await its.lock.acquire();
            co_await sleep_forever();
        },
        std::ref(crowd))
        .detach();
    co_await let_all_run();
    spawn_all(crowd, waits, count, deaf);
    spawn_all(crowd, waits_with_two_descriptors, pairs, deaf);
    co_await let_all_run();
    spawn_all(crowd, waits_for_threads, count, deaf);
    while (crowd.pool.statistics().running < 2 || crowd.pool.statistics().queued + 2 < count) {
        co_await yield();
    }
    CHECK(crowd.alive ==
          std::size(waits) * count + std::size(waits_with_two_descriptors) * pairs + count);
}

/// Returns how many jobs were not able to unwind.
std::size_t end_crowd(std::size_t wanted, bool deaf, Duration grace) {
    const DescriptorLimit limit;
    const std::size_t pairs = limit.room_for(wanted, 6);
    if (pairs < wanted) {
        skip("only " + std::to_string(pairs) + " of each wait that has descriptors");
    }
    const std::size_t fds = open_fds();
    RecordingObserver observer;
    VirtualClock clock;
    auto crowd = std::make_unique<Crowd>();
    {
        Loop loop({.clock = &clock, .observer = &observer});
        loop.run(fill(*crowd, wanted, pairs, deaf), {.grace = grace});
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.statistics().deadlines == 0);
    }
    CHECK(crowd->alive == 0);
    CHECK(crowd->called == 0);
    CHECK(observer.failures.empty());
    if (!deaf && grace > 0s) {
        // But those whose call returned when it was asked to.
        const std::size_t all = (std::size(waits) + 1) * wanted + 3 * pairs;
        CHECK(crowd->cancelled >= all - 2);
        CHECK(crowd->cleaned == wanted);
    }
    crowd.reset();
    CHECK(open_fds() == fds);
    return observer.abandoned.size();
}

}  // namespace

TEST_CASE("a loop that ends unwinds a thousand jobs in each wait there is") {
    CHECK(end_crowd(thousand, false, 1h) == 0);
}

TEST_CASE("a loop that ends destroys a thousand jobs in each wait there is") {
    CHECK(end_crowd(thousand, true, 100ms) >= thousand * std::size(waits));
}

TEST_CASE("a loop that ends without grace destroys whoever does not unwind at once") {
    CHECK(end_crowd(thousand / 10, true, 0s) >= thousand / 10 * std::size(waits));
    static_cast<void>(end_crowd(thousand / 10, false, 0s));
}
