// SPDX-License-Identifier: MIT
#include "measured.hpp"

#include <chrono>
#include <cstdio>
#include <unistd.h>
#include <utility>

#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "heartbeat.hpp"

using namespace std::chrono_literals;

namespace {

/// Measures from construction to destruction.
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

/// One line on a terminal, gone when it ends.
struct ProgressLine {
    ProgressLine() = default;
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { std::fprintf(stderr, "\r\033[K"); }

    void show(const Way& way) const {
        std::fprintf(stderr,
                     "\r%s: %zu of %zu files, %.0f MB \033[K",
                     way.name.c_str(),
                     way.files + way.failed,
                     way.digests.size(),
                     static_cast<double>(way.bytes) / 1e6);
    }
};

eddy::Task<> show_progress(const Way& way) {
    const ProgressLine line;
    while (true) {
        co_await eddy::sleep_for(100ms);
        line.show(way);
    }
}

}  // namespace

eddy::Task<> warm_page_cache(eddy::ThreadPool& pool, Files files) {
    for (const std::filesystem::path& file : files) {
        co_await eddy::run_in_executor(pool, warm_up, file);
    }
}

eddy::Task<> measure_idle(eddy::Histogram& lag) {
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(heartbeat(lag), {.name = "heartbeat"});
        co_await eddy::sleep_for(300ms);
        group.cancel("measured");
    });
}

eddy::Task<> measured(Way& way, eddy::Task<> work) {
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(heartbeat(way.lag), {.name = "heartbeat"});
        if (isatty(STDERR_FILENO) != 0) {
            group.spawn(show_progress(way), {.name = "progress"});
        }
        co_await eddy::yield();  // it sleeps before the work begins
        const Stopwatch stopwatch(way.seconds);
        co_await std::move(work);
        group.cancel("the work is done");
    });
}
