// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

class Watcher final : public Observer {
public:
    [[nodiscard]] std::uint32_t hooks() const noexcept override { return offloads; }
    void offload_queued(const JobInfo& job) override { note("queued", job); }
    void offload_started(const JobInfo& job) override { note("started", job); }
    void offload_done(const JobInfo& job) override { note("done", job); }

    std::vector<std::string> seen;

private:
    void note(const char* what, const JobInfo& job) {
        CHECK(std::this_thread::get_id() == home_);
        seen.push_back(what + (" " + std::string(job.name)));
    }
    std::thread::id home_ = std::this_thread::get_id();
};

}  // namespace

EDDY_TEST_CASE("observers hear of offloads on the loop's thread: queued, started, done") {
    Watcher watcher;
    Loop::current().add_observer(watcher);
    ThreadPool pool({.threads = 1});
    HeldCall blocker;
    auto first = spawn(
        SpawnOptions{.name = "first"},
        [](ThreadPool& workers, HeldCall& held) -> Task<> {
            co_await run_in_executor(workers, std::ref(held));
        },
        std::ref(pool),
        std::ref(blocker));
    co_await rounds();
    blocker.wait_until_it_runs();
    auto second = spawn(
        SpawnOptions{.name = "second"},
        [](ThreadPool& workers) -> Task<> { co_await run_in_executor(workers, [] {}); },
        std::ref(pool));
    co_await rounds();
    second.cancel();
    co_await second.wait();
    blocker.let_go();
    co_await first;
    Loop::current().remove_observer(watcher);
    CHECK(watcher.seen.size() == 5);
    std::vector<std::string> of_first;
    for (const std::string& line : watcher.seen) {
        if (line.ends_with("first")) {
            of_first.push_back(line);
        }
    }
    CHECK(of_first == std::vector<std::string>{"queued first", "started first", "done first"});
    CHECK(std::count(watcher.seen.begin(), watcher.seen.end(), "started second") == 0);
    CHECK(std::count(watcher.seen.begin(), watcher.seen.end(), "done second") == 1);
}

EDDY_TEST_CASE("an observer may ask for offloads and override nothing") {
    class Silent final : public Observer {
    public:
        [[nodiscard]] std::uint32_t hooks() const noexcept override { return offloads; }
    };
    Silent silent;
    Loop::current().add_observer(silent);
    ThreadPool pool({.threads = 1});
    const int value = co_await run_in_executor(pool, [] { return 7; });
    CHECK(value == 7);
    Loop::current().remove_observer(silent);
}

TEST_CASE("an offload that ends after its loop tells nobody") {
    Watcher watcher;
    ThreadPool pool({.threads = 1});
    HeldCall held;
    VirtualClock clock;
    {
        Loop loop({.clock = &clock, .observer = &watcher});
        loop.run([](ThreadPool& workers, HeldCall& call) -> Task<> {
            auto job = spawn(
                [](ThreadPool& on, HeldCall& what) -> Task<> {
                    const OffloadOptions options{.on_cancel = OnCancel::abandon};
                    co_await run_in_executor(on, options, std::ref(what));
                },
                std::ref(workers),
                std::ref(call));
            co_await until([&call] { return call.runs.load() != 0; });
            job.cancel();
            co_await job.wait();
        }(pool, held));
    }
    const std::size_t seen = watcher.seen.size();
    held.let_go();
    pool.shutdown(std::chrono::hours(1));
    CHECK(watcher.seen.size() == seen);
}
