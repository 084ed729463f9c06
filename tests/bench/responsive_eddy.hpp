// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <thread>

#include <eddy/loop.hpp>
#include <eddy/loop_metrics.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/queue.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/yield.hpp>

#include "burners.hpp"
#include "responsiveness.hpp"
#include "workload.hpp"

/// Eddy's side of the rows.
namespace bench::responsive::eddys {

using std::chrono::milliseconds;

using Load = eddy::Task<> (*)(Session&);

[[nodiscard]] inline eddy::TimePoint moment(std::int64_t nanoseconds) noexcept {
    return eddy::TimePoint(eddy::Duration(nanoseconds));
}

inline eddy::Task<> tick(Session& session) {
    while (!session.finished()) {
        co_await eddy::sleep_until(moment(session.due()));
        session.tick();
    }
}

inline eddy::Task<> tick_beside(Session& session, Load load) {
    co_await eddy::with_task_group([&session, load](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(tick(session));
        co_await load(session);
        session.finish();
    });
}

inline eddy::Task<> idle(Session& session) {
    while (!session.over()) {
        co_await eddy::sleep_for(milliseconds(20));
    }
}

[[nodiscard]] inline Quantiles bare_tick() {
    Session session(bare_seconds);
    eddy::run(tick_beside(session, idle));
    return session.wall();
}

template <Load load>
Figures loaded(double seconds) {
    const Quantiles bare = bare_tick();
    Session session(seconds);
    eddy::run(tick_beside(session, load));
    return {.bare = bare,
            .wall = session.wall(),
            .cpu = session.cpu(),
            .extra = {session.first_wall().max, session.first_cpu().max}};
}

// --- jobs that compute and yield ---------------------------------------------------------------

inline eddy::Task<> one_computes(Session& session) {
    while (!session.over()) {
        spin(session.marks, 1'000'000);
        co_await eddy::yield();
    }
}

inline eddy::Task<> compute(Session& session, std::int64_t step, std::size_t* first_steps) {
    spin(session.marks, step);
    if (++*first_steps == crowd) {
        session.first_round_over();
    }
    while (!session.over()) {
        co_await eddy::yield();
        spin(session.marks, step);
    }
}

inline eddy::Task<> many_compute(Session& session) {
    std::size_t first_steps = 0;
    session.has_first_round();
    co_await eddy::with_task_group(
        [&session, &first_steps](eddy::TaskGroup& group) -> eddy::Task<> {
            for (std::size_t i = 0; i < crowd; ++i) {
                group.spawn(compute(session, 50'000, &first_steps));
            }
            co_return;
        });
}

// --- a client that never stops sending ---------------------------------------------------------

inline eddy::Task<> read_for_long(Session& session) {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const Flood flood(listener.local_address().port());
    eddy::TcpStream stream = co_await listener.accept();
    std::array<std::byte, 4096> buffer;
    std::size_t length = 1;
    while (length != 0 && !session.over()) {
        length = co_await stream.read_some(buffer);
        session.marks.seldom();
    }
}

// --- bursts ------------------------------------------------------------------------------------

inline eddy::Task<> posts(Session& session) {
    session.close_window();
    const eddy::LoopHandle loop = eddy::Loop::current().handle();
    while (!session.over()) {
        std::size_t called = 0;
        std::thread([&session, &loop, &called] {
            for (std::size_t i = 0; i < burst; ++i) {
                static_cast<void>(loop.post([&session, &called] {
                    ++called;
                    session.marks.seldom();
                }));
            }
        }).join();  // the loop is blocked: they arrive together
        session.open_window();
        while (called != burst) {
            co_await eddy::sleep_for(milliseconds(1));
        }
        session.close_window();
        co_await eddy::sleep_for(milliseconds(5));
    }
}

inline eddy::Task<> leave_mark(Session& session) {
    session.marks.seldom();
    co_return;
}

inline eddy::Task<> spawn_burst(eddy::TaskGroup& group, Session* session) {
    for (std::size_t i = 1; i <= burst; ++i) {
        group.spawn(leave_mark(*session));
        if (i % 1000 == 0) {
            co_await eddy::yield();
        }
    }
}

inline eddy::Task<> spawns(Session& session) {
    while (!session.over()) {
        co_await eddy::with_task_group(spawn_burst, &session);
    }
}

inline eddy::Task<> hold_worker(eddy::ThreadPool& pool, std::binary_semaphore& go) {
    co_await eddy::run_in_executor(
        pool, [](std::binary_semaphore& held) { held.acquire(); }, std::ref(go));
}

inline eddy::Task<> offload(Session& session,
                            eddy::ThreadPool& pool,
                            std::size_t* submitted,
                            std::atomic<std::size_t>* done) {
    ++*submitted;
    co_await eddy::run_in_executor(pool, [](std::atomic<std::size_t>* count) { ++*count; }, done);
    session.marks.seldom();
}

inline eddy::Task<> offload_burst(eddy::TaskGroup& group,
                                  Session* session,
                                  eddy::ThreadPool* pool,
                                  std::binary_semaphore* go,
                                  std::atomic<std::size_t>* done) {
    std::size_t submitted = 0;
    group.spawn(hold_worker(*pool, *go));
    co_await eddy::yield();
    for (std::size_t i = 0; i < burst; ++i) {
        group.spawn(offload(*session, *pool, &submitted, done));
        if (i % 100 == 99) {
            co_await eddy::yield();
        }
    }
    while (submitted != burst) {
        co_await eddy::yield();
    }
    go->release();
    while (done->load() != burst) {  // the loop is blocked: the results arrive together
        std::this_thread::sleep_for(milliseconds(1));
    }
    session->open_window();
}

inline eddy::Task<> results(Session& session) {
    session.close_window();
    eddy::ThreadPool pool({.threads = 1, .queue_bound = 2 * burst});
    while (!session.over()) {
        std::binary_semaphore go{0};
        std::atomic<std::size_t> done{0};
        co_await eddy::with_task_group(offload_burst, &session, &pool, &go, &done);
        session.close_window();
        co_await eddy::sleep_for(milliseconds(5));
    }
}

inline eddy::Task<> sleep_until(Session& session, std::int64_t due) {
    co_await eddy::sleep_until(moment(due));
    session.marks.seldom();
}

inline eddy::Task<> sleep_burst(eddy::TaskGroup& group, Session* session) {
    const std::int64_t due = wall_now() + sleepers_start;
    for (std::size_t i = 0; i < burst; ++i) {
        group.spawn(sleep_until(*session, due));
        if (i % 100 == 99) {
            co_await eddy::yield();
        }
    }
    session->open_window(due);
}

inline eddy::Task<> sleepers(Session& session) {
    session.close_window();
    while (!session.over()) {
        co_await eddy::with_task_group(sleep_burst, &session);
        session.close_window();
        co_await eddy::sleep_for(milliseconds(5));
    }
}

// --- a request through four jobs ---------------------------------------------------------------

using Requests = eddy::Queue<int>;

inline eddy::Task<> pass_on(Requests& in, Requests& out) {
    while (true) {
        const int request = co_await in.get();
        co_await out.put(request);
    }
}

inline eddy::Task<> compute_until_over(Session& session) {
    while (!session.over()) {
        spin(session.marks, 5'000);
        co_await eddy::yield();
    }
}

inline eddy::Task<> request_often(eddy::TaskGroup& group, Session* session, bool busy) {
    std::array<Requests, 5> queues{Requests(8), Requests(8), Requests(8), Requests(8), Requests(8)};
    co_await eddy::with_task_group([&](eddy::TaskGroup& stages) -> eddy::Task<> {
        for (std::size_t i = 0; i + 1 < queues.size(); ++i) {
            stages.spawn(pass_on(queues[i], queues[i + 1]));
        }
        for (std::size_t i = 0; busy && i < crowd; ++i) {
            group.spawn(compute_until_over(*session));
        }
        while (!session->over()) {
            co_await eddy::sleep_for(milliseconds(1));
            const Mark begin = Mark::now();
            co_await queues.front().put(1);
            const int answer = co_await queues.back().get();
            session->record(begin, Mark::now());
            static_cast<void>(answer);
        }
        stages.cancel();
    });
}

inline Figures requests(double seconds) {
    Session bare(bare_seconds);
    eddy::run(eddy::with_task_group(request_often, &bare, false));
    Session session(seconds);
    eddy::run(eddy::with_task_group(request_often, &session, true));
    return {.bare = bare.wall(), .wall = session.wall(), .cpu = session.cpu()};
}

// --- a cancelled job that goes on --------------------------------------------------------------

inline eddy::Task<> ignore_cancellation(std::size_t* swallowed) {
    while (true) {
        try {
            co_await eddy::sleep_for(milliseconds(1));
        } catch (...) {
            ++*swallowed;
        }
    }
}

inline eddy::Task<> leave_it_behind(std::size_t* swallowed, std::int64_t* end) {
    eddy::spawn(ignore_cancellation(swallowed));
    co_await eddy::sleep_for(milliseconds(10));
    *end = wall_now();
}

inline Figures swallow(double) {
    std::size_t swallowed = 0;
    std::int64_t end = 0;
    eddy::run(leave_it_behind(&swallowed, &end), {.grace = grace});
    return {.extra = {static_cast<double>(wall_now() - end) / 1e9}};
}

// --- busy workers ------------------------------------------------------------------------------

inline eddy::Task<> burn_one(eddy::ThreadPool& pool,
                             const std::atomic<bool>& stop,
                             std::atomic<std::uint64_t>& units) {
    co_await eddy::run_in_executor(pool, burn, std::cref(stop), std::ref(units));
}

template <int niceness>
eddy::Task<> burn_beside(Session& session) {
    eddy::ThreadPool pool({.threads = processors(), .niceness = niceness});
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> units{0};
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < processors(); ++i) {
            group.spawn(burn_one(pool, stop, units));
        }
        while (!session.over()) {
            co_await eddy::sleep_for(milliseconds(50));
        }
        stop = true;
    });
    work_done = static_cast<double>(units) / 1e6 / session.seconds();
}

template <int niceness, bool foreign>
Figures burners(double seconds) {
    const Quantiles bare = bare_tick();
    const Foreign other(foreign);
    Session session(tail_factor * seconds);
    eddy::run(tick_beside(session, burn_beside<niceness>));
    const Quantiles wall = session.wall();
    return {.bare = bare, .wall = wall, .cpu = session.cpu(), .extra = {wall.p999, work_done}};
}

// --- sleeping and idling -----------------------------------------------------------------------

inline eddy::Task<> sleep_often(Session& session) {
    while (!session.over()) {
        const std::int64_t due = wall_now() + short_sleep;
        co_await eddy::sleep_for(eddy::Duration(short_sleep));
        session.record({due, 0}, {wall_now(), 0});
    }
}

inline Figures sleep(double seconds) {
    Session session(seconds);
    eddy::run(sleep_often(session));
    return {.wall = session.wall()};
}

inline eddy::Task<Quantiles> measure_lag(double seconds) {
    const eddy::LoopMetrics metrics({.steps = false});
    co_await eddy::sleep_for(
        std::chrono::duration_cast<eddy::Duration>(std::chrono::duration<double>(seconds)));
    co_return quantiles_of(metrics.lag());
}

inline Figures lag(double seconds) { return {.wall = eddy::run(measure_lag(seconds))}; }

}  // namespace bench::responsive::eddys
