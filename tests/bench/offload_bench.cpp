// SPDX-License-Identifier: MIT
// What it costs to have a worker call a function and get back, beside libuv's own uv_queue_work.
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <uv.h>

#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>

#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

constexpr std::size_t trips = 20'000;
constexpr std::size_t calls = 200'000;
constexpr std::size_t in_flight = 1'000;

/// What is offloaded: nothing a compiler can leave out.
int work(int value) {
    asm volatile("" : "+r"(value));
    return value + 1;
}

/// The median of single trips; what else the machine does shows in the tail.
class Trips final {
public:
    Trips() { times_.reserve(trips); }
    void begin() { start_ = nanoseconds(CLOCK_MONOTONIC); }
    [[nodiscard]] bool end() {
        times_.push_back(nanoseconds(CLOCK_MONOTONIC) - start_);
        return times_.size() < trips;
    }
    [[nodiscard]] Sample median(std::uint64_t allocations) {
        const auto middle = times_.begin() + static_cast<std::ptrdiff_t>(times_.size() / 2);
        std::nth_element(times_.begin(), middle, times_.end());
        return {.cost = *middle,
                .allocations = static_cast<double>(allocations) / static_cast<double>(trips)};
    }

private:
    std::vector<double> times_;
    double start_ = 0;
};

// --- Eddy --------------------------------------------------------------------------------------

eddy::Task<Sample> measure_trips(std::size_t threads) {
    eddy::ThreadPool pool({.threads = threads});
    Trips times;
    int value = co_await eddy::run_in_executor(pool, work, 0);
    const std::uint64_t before = allocation_count;
    bool more = true;
    while (more) {
        times.begin();
        value = co_await eddy::run_in_executor(pool, work, value);
        more = times.end();
    }
    co_return times.median(allocation_count - before);
}

eddy::Task<> call_often(eddy::ThreadPool& pool, std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = co_await eddy::run_in_executor(pool, work, value);
    }
}

eddy::Task<> call_in_all(eddy::ThreadPool& pool, std::size_t count) {
    co_await eddy::with_task_group([&pool, count](eddy::TaskGroup& group) -> eddy::Task<> {
        for (std::size_t i = 0; i < in_flight; ++i) {
            group.spawn(call_often(pool, count));
        }
        co_return;
    });
}

eddy::Task<Sample> measure_calls(std::size_t threads, bool measure) {
    eddy::ThreadPool pool({.threads = threads, .measure = measure});
    co_await call_in_all(pool, 2);
    const Meter meter(CLOCK_MONOTONIC);
    co_await call_in_all(pool, calls / in_flight);
    co_return meter.stop(calls);
}

template <std::size_t threads>
Sample eddy_trip() {
    return eddy::run(measure_trips(threads));
}
template <std::size_t threads>
Sample eddy_calls() {
    return eddy::run(measure_calls(threads, false));
}
template <std::size_t threads>
Sample measured_calls() {
    return eddy::run(measure_calls(threads, true));
}

// --- a condition variable and an eventfd, by hand ------------------------------------------------

/// The least a worker and a poll loop can do: one slot, no queue.
class Pair final {
public:
    Pair() {
        uv_loop_init(&loop_);
        async_.data = this;
        uv_async_init(
            &loop_, &async_, [](uv_async_t* handle) { static_cast<Pair*>(handle->data)->back(); });
        worker_ = std::thread([this] { main(); });
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() {
        post(-1);
        worker_.join();
        uv_loop_close(&loop_);
    }

    Sample run() {
        times_.begin();
        post(1);
        uv_run(&loop_, UV_RUN_DEFAULT);
        return times_.median(0);
    }

private:
    void post(int value) {
        {
            const std::lock_guard lock(mutex_);
            value_ = value;
        }
        called_.notify_one();
    }
    void main() {
        while (true) {
            std::unique_lock lock(mutex_);
            called_.wait(lock, [this] { return value_ != 0; });
            if (value_ < 0) {
                return;
            }
            result_ = work(value_);
            value_ = 0;
            lock.unlock();
            uv_async_send(&async_);
        }
    }
    void back() {
        if (!times_.end()) {
            uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
            return;
        }
        times_.begin();
        post(1);
    }

    uv_loop_t loop_{};
    uv_async_t async_{};
    std::mutex mutex_;
    std::condition_variable called_;
    int value_ = 0;
    int result_ = 0;
    Trips times_;
    std::thread worker_;
};

Sample pair_trip() { return Pair().run(); }

// --- uv_queue_work -------------------------------------------------------------------------------

/// libuv reads the size of its pool once, so each size is measured in a process of its own.
template <class F>
Sample in_child(std::size_t threads, F measure) {
    int ends[2];
    if (pipe(ends) != 0) {
        std::abort();
    }
    const pid_t child = fork();
    if (child == 0) {
        setenv("UV_THREADPOOL_SIZE", std::to_string(threads).c_str(), 1);
        const Sample sample = measure();
        const ssize_t written = write(ends[1], &sample, sizeof sample);
        _exit(written == static_cast<ssize_t>(sizeof sample) ? 0 : 1);
    }
    Sample sample;
    if (read(ends[0], &sample, sizeof sample) != static_cast<ssize_t>(sizeof sample)) {
        std::abort();
    }
    close(ends[0]);
    close(ends[1]);
    waitpid(child, nullptr, 0);
    return sample;
}

struct UvTrips {
    uv_work_t request{};
    uv_loop_t loop{};
    Trips times;
    int value = 0;

    void send() {
        times.begin();
        uv_queue_work(
            &loop,
            &request,
            [](uv_work_t* done) {
                auto& self = *static_cast<UvTrips*>(done->data);
                self.value = work(self.value);
            },
            [](uv_work_t* done, int) {
                auto& self = *static_cast<UvTrips*>(done->data);
                if (self.times.end()) {
                    self.send();
                }
            });
    }
    Sample run() {
        request.data = this;
        uv_loop_init(&loop);
        const std::uint64_t before = allocation_count;
        send();
        uv_run(&loop, UV_RUN_DEFAULT);
        return times.median(allocation_count - before);
    }
};

struct UvCall {
    uv_work_t request{};
    uv_loop_t* loop = nullptr;
    std::size_t left = 0;
    int value = 0;

    void send() {
        uv_queue_work(
            loop,
            &request,
            [](uv_work_t* done) {
                auto& self = *static_cast<UvCall*>(done->data);
                self.value = work(self.value);
            },
            [](uv_work_t* done, int) {
                auto& self = *static_cast<UvCall*>(done->data);
                if (--self.left != 0) {
                    self.send();
                }
            });
    }
};

Sample run_uv_calls() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    std::vector<UvCall> all(in_flight);
    const auto round = [&](std::size_t count) {
        for (UvCall& call : all) {
            call.request.data = &call;
            call.loop = &loop;
            call.left = count;
            call.send();
        }
        uv_run(&loop, UV_RUN_DEFAULT);
    };
    round(2);
    const Meter meter(CLOCK_MONOTONIC);
    round(calls / in_flight);
    return meter.stop(calls);
}

template <std::size_t threads>
Sample uv_trip() {
    return in_child(threads, [] { return UvTrips().run(); });
}
template <std::size_t threads>
Sample uv_calls() {
    return in_child(threads, run_uv_calls);
}

std::vector<Row> rows() {
    return {
        {.name = "trip_1",
         .title = "round trip p50, 1 in flight, 1 worker",
         .unit = "ns",
         .contenders = {{"eddy", eddy_trip<1>},
                        {"uv_queue_work", uv_trip<1>},
                        {"condvar+async", pair_trip}},
         .targets = {{"condvar+async", 1.15}},
         .allocation_free = true},
        {.name = "trip_2",
         .title = "round trip p50, 1 in flight, 2 workers",
         .unit = "ns",
         .contenders = {{"eddy", eddy_trip<2>}, {"uv_queue_work", uv_trip<2>}},
         .targets = {{"uv_queue_work", 1.15}},
         .allocation_free = true},
        {.name = "calls_1",
         .title = "calls, 1,000 in flight, 1 worker",
         .unit = "ns",
         .contenders = {{"eddy", eddy_calls<1>},
                        {"uv_queue_work", uv_calls<1>},
                        {"with .measure", measured_calls<1>}},
         .targets = {{"uv_queue_work", 1.25}},
         .allocation_free = true},
        {.name = "calls_2",
         .title = "calls, 1,000 in flight, 2 workers",
         .unit = "ns",
         .contenders = {{"eddy", eddy_calls<2>},
                        {"uv_queue_work", uv_calls<2>},
                        {"with .measure", measured_calls<2>}},
         .targets = {{"uv_queue_work", 1.0}},
         .allocation_free = true},
    };
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) { return bench::run_main(count, arguments, bench::rows()); }
