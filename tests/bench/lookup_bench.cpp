// SPDX-License-Identifier: MIT
// What a lookup costs beside libuv's, and what lookups that hang cost a loop that ends.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <functional>
#include <mutex>
#include <netdb.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/yield.hpp>

#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

/// Holds those in the resolver who ask for a name that begins with "hang.".
class Gate final {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        opened_.wait(lock, [this, before = openings_] { return openings_ != before; });
    }
    void open() {
        {
            const std::lock_guard lock(mutex_);
            ++openings_;
        }
        opened_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    std::size_t openings_ = 0;
};

Gate& gate() {
    static auto& only = *new Gate;
    return only;
}

constexpr std::size_t lookups = 500;
constexpr std::size_t together = 64;
constexpr std::size_t hanging = 16;

/// The median of single lookups, so that what else the machine does hardly shows.
class Laps final {
public:
    explicit Laps(clockid_t clock) : clock_(clock), begun_(nanoseconds(clock)) {
        costs_.reserve(lookups);
    }
    void lap() {
        const double now = nanoseconds(clock_);
        costs_.push_back(now - std::exchange(begun_, now));
    }
    [[nodiscard]] Sample stop() const {
        const auto count = static_cast<double>(lookups);
        return {.cost = spread_of(costs_).median,
                .allocations = static_cast<double>(allocation_count - allocations_) / count};
    }

private:
    clockid_t clock_;
    double begun_;
    std::vector<double> costs_;
    std::uint64_t allocations_ = allocation_count + 1;  // the vector's
};

eddy::Task<Sample> eddy_one_by_one(clockid_t clock) {
    Laps laps(clock);
    for (std::size_t i = 0; i < lookups; ++i) {
        const auto found = co_await eddy::resolve("localhost", 80);
        static_cast<void>(found);
        laps.lap();
    }
    co_return laps.stop();
}

eddy::Task<Sample> eddy_together() {
    const Meter meter(CLOCK_MONOTONIC);
    std::vector<eddy::JoinHandle<std::vector<eddy::Address>>> jobs;
    for (std::size_t i = 0; i < together; ++i) {
        jobs.push_back(eddy::spawn(eddy::resolve("localhost", 80)));
    }
    for (auto& job : jobs) {
        const auto found = co_await job;
        static_cast<void>(found);
    }
    co_return meter.stop(together);
}

/// Calls `then` when it has ended.
struct UvLookup {
    uv_getaddrinfo_t request{};
    addrinfo hints{};
    std::function<void(UvLookup&)> then;

    void begin(uv_loop_t* loop) {
        request.data = this;
        hints.ai_socktype = SOCK_STREAM;
        uv_getaddrinfo(loop, &request, found, "localhost", nullptr, &hints);
    }
    static void found(uv_getaddrinfo_t* request, int, addrinfo* answer) {
        uv_freeaddrinfo(answer);
        auto* const self = static_cast<UvLookup*>(request->data);
        if (self->then) {
            self->then(*self);
        }
    }
};

class UvLoop final {
public:
    UvLoop() { uv_loop_init(&loop_); }
    UvLoop(const UvLoop&) = delete;
    UvLoop& operator=(const UvLoop&) = delete;
    ~UvLoop() { uv_loop_close(&loop_); }
    [[nodiscard]] uv_loop_t* get() noexcept { return &loop_; }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

private:
    uv_loop_t loop_{};
};

Sample uv_one_by_one(clockid_t clock) {
    UvLoop loop;
    UvLookup lookup;
    std::size_t left = lookups;
    Laps laps(clock);
    lookup.then = [&](UvLookup& self) {
        laps.lap();
        if (--left != 0) {
            self.begin(loop.get());
        }
    };
    lookup.begin(loop.get());
    loop.run();
    return laps.stop();
}

Sample uv_together() {
    UvLoop loop;
    std::vector<UvLookup> all(together);
    const Meter meter(CLOCK_MONOTONIC);
    for (UvLookup& lookup : all) {
        lookup.begin(loop.get());
    }
    loop.run();
    return meter.stop(together);
}

eddy::Task<double> hang_all() {
    for (std::size_t i = 0; i < hanging; ++i) {
        eddy::spawn(eddy::resolve("hang." + std::to_string(i), 80)).detach();
    }
    while (eddy::lookup_statistics().running != hanging) {
        co_await eddy::yield();
    }
    co_return nanoseconds(CLOCK_MONOTONIC);
}

Sample end_of_loop() {
    const double begun = eddy::run(hang_all());
    const double ended = nanoseconds(CLOCK_MONOTONIC);
    while (eddy::lookup_statistics().running != 0) {
        gate().open();  // again for those that have not got there
        std::this_thread::yield();
    }
    return {.cost = (ended - begun) / 1'000, .allocations = 0};
}

std::vector<Row> rows() {
    return {
        {.name = "localhost",
         .title = "a lookup of localhost, one after the other, wall time of the median one",
         .unit = "ns",
         .contenders = {{"eddy", [] { return eddy::run(eddy_one_by_one(CLOCK_MONOTONIC)); }},
                        {"libuv", [] { return uv_one_by_one(CLOCK_MONOTONIC); }}},
         .targets = {{"libuv", 1.15}}},
        {.name = "cpu",
         .title = "the same, CPU time of all threads",
         .unit = "ns",
         .contenders = {{"eddy",
                         [] { return eddy::run(eddy_one_by_one(CLOCK_PROCESS_CPUTIME_ID)); }},
                        {"libuv", [] { return uv_one_by_one(CLOCK_PROCESS_CPUTIME_ID); }}},
         .targets = {{"libuv", 1.15}}},
        {.name = "together",
         .title = "each of 64 lookups of localhost, all at once, which share a call; wall time",
         .unit = "ns",
         .contenders = {{"eddy", [] { return eddy::run(eddy_together()); }},
                        {"libuv", uv_together}},
         .targets = {}},
        {.name = "end",
         .title = "the end of a loop, from its body's, while 16 lookups hang",
         .unit = "us",
         .contenders = {{"eddy", end_of_loop}},
         .targets = {{"", 50'000}}},
    };
}

}  // namespace

}  // namespace bench

extern "C" int getaddrinfo(const char* host,
                           const char* service,
                           const addrinfo* hints,
                           addrinfo** result) {
    static auto* const next =
        reinterpret_cast<decltype(getaddrinfo)*>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (host == nullptr || std::strncmp(host, "hang.", 5) != 0) {
        return next(host, service, hints, result);
    }
    bench::gate().pass();
    return EAI_NONAME;
}

int main(int count, char** arguments) { return bench::run_main(count, arguments, bench::rows()); }
