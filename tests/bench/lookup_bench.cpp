// SPDX-License-Identifier: MIT
// What a lookup costs beside libuv's, and what lookups that hang cost a loop that ends.
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <mutex>
#include <netdb.h>
#include <string>
#include <thread>
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

eddy::Task<Sample> eddy_lookups(std::size_t at_once) {
    const Meter meter(CLOCK_MONOTONIC);
    std::vector<eddy::JoinHandle<std::vector<eddy::Address>>> jobs;
    for (std::size_t done = 0; done < lookups; done += at_once) {
        if (at_once == 1) {
            const auto found = co_await eddy::resolve("localhost", 80);
            static_cast<void>(found);
            continue;
        }
        jobs.clear();
        for (std::size_t i = 0; i < at_once; ++i) {
            jobs.push_back(eddy::spawn(eddy::resolve("localhost", 80)));
        }
        for (auto& job : jobs) {
            const auto found = co_await job;
            static_cast<void>(found);
        }
    }
    co_return meter.stop((lookups + at_once - 1) / at_once * at_once);
}

/// Begins the next one in the callback of the one before.
struct UvLookup {
    uv_getaddrinfo_t request{};
    addrinfo hints{};
    std::size_t left = 0;

    void begin(uv_loop_t* loop) {
        request.data = this;
        hints.ai_socktype = SOCK_STREAM;
        uv_getaddrinfo(loop, &request, found, "localhost", nullptr, &hints);
    }
    static void found(uv_getaddrinfo_t* request, int, addrinfo* answer) {
        uv_freeaddrinfo(answer);
        auto* const self = static_cast<UvLookup*>(request->data);
        if (--self->left != 0) {
            self->begin(request->loop);
        }
    }
};

Sample uv_lookups(std::size_t at_once) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    const std::size_t each = (lookups + at_once - 1) / at_once;
    std::vector<UvLookup> all(at_once);
    const Meter meter(CLOCK_MONOTONIC);
    for (UvLookup& lookup : all) {
        lookup.left = each;
        lookup.begin(&loop);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    const Sample sample = meter.stop(each * at_once);
    uv_loop_close(&loop);
    return sample;
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
         .title = "a lookup of localhost, one after the other, wall time",
         .unit = "ns",
         .contenders = {{"eddy", [] { return eddy::run(eddy_lookups(1)); }},
                        {"libuv", [] { return uv_lookups(1); }}},
         .targets = {{"libuv", 1.15}}},
        {.name = "together",
         .title = "the same, 64 jobs at once, which share a call",
         .unit = "ns",
         .contenders = {{"eddy", [] { return eddy::run(eddy_lookups(together)); }},
                        {"libuv", [] { return uv_lookups(together); }}},
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
