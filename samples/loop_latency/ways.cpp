// SPDX-License-Identifier: MIT
#include "ways.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <unistd.h>
#include <utility>

#include <eddy/counter.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>

using namespace std::chrono_literals;

namespace {

/// The heartbeat: a job like any other that wants to run every millisecond. Every beat that a stall
/// made it miss counts, as late as it would have been.
eddy::Task<> heartbeat(eddy::Histogram& lag) {
    eddy::TimePoint next = eddy::now();
    while (true) {
        next += 1ms;
        co_await eddy::sleep_until(next);
        const eddy::TimePoint now = eddy::now();
        lag.record(now - next);
        while (next + 1ms <= now) {
            next += 1ms;
            lag.record(now - next);
        }
    }
}

/// One line on a terminal, kept up to date; nothing in a pipe.
eddy::Task<> show_progress(const Way& way, std::size_t total) {
    if (isatty(STDERR_FILENO) == 0) {
        co_return;
    }
    while (true) {
        co_await eddy::sleep_for(100ms);
        std::fprintf(stderr,
                     "\r%s: %zu of %zu files, %.0f MB \033[K",
                     way.name.c_str(),
                     way.files + way.failed,
                     total,
                     static_cast<double>(way.bytes) / 1e6);
    }
}

void clear_progress() {
    if (isatty(STDERR_FILENO) != 0) {
        std::fprintf(stderr, "\r\033[K");
    }
}

void take(Way& way, std::size_t index, Digest digest) {
    way.bytes += digest.bytes;
    (digest.hex.empty() ? way.failed : way.files) += 1;
    way.digests[index] = std::move(digest);
}

/// Measures from construction to destruction, also when the way is interrupted.
class Stopwatch {
public:
    explicit Stopwatch(double& seconds) : seconds_(seconds) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() {
        seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

private:
    double& seconds_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Runs `work` beside the heartbeat and the progress line, and stops both when `done` says that
/// every file has been through.
template <class Work>
eddy::Task<> measured(Way& way, std::size_t total, Work work) {
    way.digests.resize(total);
    {
        const Stopwatch stopwatch(way.seconds);
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
            eddy::Counter done;
            group.spawn({.name = "heartbeat"}, heartbeat, std::ref(way.lag));
            group.spawn({.name = "progress"}, show_progress, std::cref(way), total);
            co_await eddy::with_task_group([&](eddy::TaskGroup& hashing) -> eddy::Task<> {
                work(hashing, done);
                static_cast<void>(co_await done.wait_at_least(static_cast<std::int64_t>(total)));
            });
            group.cancel("all files are through");
        });
    }
    way.complete = true;
    clear_progress();
}

eddy::Task<> offload_one(
    Way& way, Files files, std::size_t index, eddy::ThreadPool& pool, eddy::Counter& done) {
    Digest digest = co_await eddy::run_in_executor(
        pool,
        [](std::stop_token stop, const std::filesystem::path& file) { return sha256(file, stop); },
        files[index]);
    take(way, index, std::move(digest));
    done.increment();
}

}  // namespace

eddy::Task<> warm_page_cache(eddy::ThreadPool& pool, Files files) {
    for (const std::filesystem::path& file : files) {
        co_await eddy::run_in_executor(
            pool,
            [](std::stop_token stop, const std::filesystem::path& path) { warm_up(path, stop); },
            file);
    }
}

eddy::Task<> measure_idle(eddy::Histogram& lag) {
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn({.name = "heartbeat"}, heartbeat, std::ref(lag));
        co_await eddy::sleep_for(300ms);
        group.cancel();
    });
}

eddy::Task<> hash_blocking(Way& way, Files files) {
    co_await measured(way, files.size(), [&](eddy::TaskGroup& group, eddy::Counter& done) {
        group.spawn(
            [](Way& into, Files all, eddy::Counter& counter) -> eddy::Task<> {
                for (std::size_t index = 0; index < all.size(); ++index) {
                    take(into, index, sha256(all[index]));  // the loop stands still meanwhile
                    counter.increment();
                    // The next turn, not just the next job: a turn runs 256 steps before it looks
                    // at the clock again.
                    co_await eddy::sleep_for(1ns);
                }
            },
            std::ref(way),
            files,
            std::ref(done));
    });
}

eddy::Task<> hash_offloaded(Way& way, Files files, eddy::ThreadPool& pool) {
    co_await measured(way, files.size(), [&](eddy::TaskGroup& group, eddy::Counter& done) {
        for (std::size_t index = 0; index < files.size(); ++index) {
            group.spawn(offload_one(way, files, index, pool, done));
        }
    });
}

eddy::Task<> hash_bounded(Way& way, Files files, eddy::ThreadPool& pool, std::size_t in_flight) {
    std::size_t next = 0;  // shared by the lanes: they all run on the loop thread
    co_await measured(way, files.size(), [&](eddy::TaskGroup& group, eddy::Counter& done) {
        const std::size_t lanes = std::min(in_flight, files.size());
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            group.spawn(
                [](Way& into,
                   Files all,
                   std::size_t& cursor,
                   eddy::ThreadPool& workers,
                   eddy::Counter& counter) -> eddy::Task<> {
                    while (cursor < all.size()) {
                        co_await offload_one(into, all, cursor++, workers, counter);
                    }
                },
                std::ref(way),
                files,
                std::ref(next),
                std::ref(pool),
                std::ref(done));
        }
    });
}
