// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/portal.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"

// What a forked child finds of its parent's pools and doors: nothing that works, and nothing that
// hangs. A child returns zero when all is well.

#ifndef EDDY_NO_FORK

namespace {

using namespace eddy;
using eddy::testing::ChildResult;
using eddy::testing::run_in_child;

int seven() { return 7; }

Task<int> offload_to(ThreadPool& pool) { co_return co_await run_in_executor(pool, seven); }
Task<int> offload() { co_return co_await run_in_executor(seven); }

/// True if `call` throws an E that speaks of the fork.
template <class E, class Call>
bool refused(Call call) {
    try {
        static_cast<void>(call());
    } catch (const E& error) {
        return std::string(error.what()).find("fork") != std::string::npos;
    }
    return false;
}

void check_well(const ChildResult& child) {
    CHECK_MESSAGE(
        child.exit_code == 0,
        "code " << child.exit_code << ", signal " << child.signal << ": " << child.errors);
}

/// What a child may expect of a pool that had threads.
int use_lost(ThreadPool& pool) {
    return !refused<InvalidState>([&] { return run(offload_to(pool)); })   ? 1
           : !refused<InvalidState>([&] { return pool.statistics(); })     ? 2
           : !refused<InvalidState>([&] { return pool.queue_wait(); })     ? 3
           : !refused<InvalidState>([&] { return pool.run_time(); })       ? 4
           : !refused<InvalidState>([&] { return run(offload_to(pool)); }) ? 5
                                                                           : 0;
}

}  // namespace

TEST_CASE("a pool with threads is lost to a child: it says so, and its end touches nothing") {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 2});
    CHECK(run(offload_to(*pool)) == 7);
    check_well(run_in_child([&] {
        const int code = use_lost(*pool);
        pool->shutdown(std::chrono::hours(1));  // at once: there is nobody to wait for
        pool.reset();
        return code;
    }));
    CHECK(run(offload_to(*pool)) == 7);
}

TEST_CASE("so it is while a call runs and others wait, with the lock in somebody's hands or not") {
    ThreadPool pool({.threads = 1});
    const auto main = [](ThreadPool& used) -> Task<> {
        std::promise<void> go_on;
        auto running = spawn(
            [](ThreadPool& on, std::shared_future<void> until) -> Task<> {
                const auto waits = [](const std::shared_future<void>& future) { future.wait(); };
                co_await run_in_executor(on, waits, std::move(until));
            },
            std::ref(used),
            go_on.get_future().share());
        auto waiting = spawn(offload_to(used));
        co_await yield();
        co_await yield();
        // Somebody else keeps the lock busy.
        std::atomic<bool> over{false};
        std::thread asking([&] {
            while (!over.load()) {
                static_cast<void>(used.statistics());
            }
        });
        for (int i = 0; i < 20; ++i) {
            check_well(run_in_child([&used] { return use_lost(used); }));
        }
        over.store(true);
        asking.join();
        go_on.set_value();
        co_await running;
        const int value = co_await waiting;
        CHECK(value == 7);
    };
    run(main(pool));
}

TEST_CASE("a pool that had no threads yet works in the child, and in its parent") {
    ThreadPool pool({.threads = 1});
    check_well(run_in_child([&] { return run(offload_to(pool)) == 7 ? 0 : 1; }));
    CHECK(run(offload_to(pool)) == 7);
    check_well(run_in_child([&] { return use_lost(pool); }));
}

TEST_CASE("so does one whose threads have all ended") {
    ThreadPool pool({.threads = 1, .idle_timeout = Duration::zero()});
    CHECK(run(offload_to(pool)) == 7);
    while (pool.statistics().threads != 0) {
        std::this_thread::yield();
    }
    check_well(run_in_child([&] {
        if (run(offload_to(pool)) != 7) {
            return 1;
        }
        pool.shutdown(std::chrono::seconds(10));
        return 0;
    }));
    CHECK(run(offload_to(pool)) == 7);
}

TEST_CASE("a child's loop makes a default pool of its own") {
    const auto main = []() -> Task<> {
        co_await run_in_executor(seven);
        check_well(run_in_child([] {
            // Where it was forked there is no loop of this process.
            if (!refused<InvalidState>([] { return &default_pool(); })) {
                return 1;
            }
            return run(offload()) == 7 && run(offload()) == 7 ? 0 : 2;
        }));
        const int value = co_await run_in_executor(seven);
        CHECK(value == 7);
    };
    run(main());
}

TEST_CASE("a call that forks, and returns in the child, ends the child with words") {
    const auto forks = [] {
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            signal(SIGABRT, SIG_DFL);
            static_cast<void>(close(STDERR_FILENO));
            return 0;
        }
        int status = 0;
        waitpid(child, &status, 0);
        return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    };
    const auto main = [](auto fn) -> Task<int> { co_return co_await run_in_executor(fn); };
    CHECK(run(main(forks)) == SIGABRT);
}

TEST_CASE("a Portal, a handle and a remote channel lead nowhere in a child, and wake nobody") {
    const auto main = []() -> Task<> {
        const Portal portal;
        const LoopHandle handle = Loop::current().handle();
        auto [sender, receiver] = open_remote_channel<int>(4);
        const bool sent = sender.try_send(1);
        CHECK(sent);
        const auto first = co_await receiver.receive();  // this end is this loop's from now on
        CHECK(first == 1);
        int calls = 0;
        check_well(run_in_child([&] {
            if (handle.post([&calls] { ++calls; }) || !handle.closed() || !portal.closed()) {
                return 1;
            }
            try {
                static_cast<void>(portal.submit(seven));
                return 2;
            } catch (const LoopClosed&) {
            }
            return !refused<BrokenResource>([&] { return sender.try_send(2); })       ? 3
                   : !refused<BrokenResource>([&] { return receiver.try_receive(); }) ? 4
                   : !refused<BrokenResource>([&] { return receiver.size(); })        ? 5
                   : !refused<BrokenResource>([&] {
                         return run([](auto& end) -> Task<int> {
                             co_return co_await end.receive();
                         }(receiver));
                     })
                       ? 6
                   : !sender.closed() ? 7
                                      : 0;
        }));
        co_await yield();
        CHECK(calls == 0);
        const bool again = sender.try_send(3);
        CHECK(again);
        const auto second = co_await receiver.receive();
        CHECK(second == 3);
    };
    run(main());
}

TEST_CASE("a child may copy a sender, which is as useless as the first") {
    auto [sender, receiver] = open_remote_channel<int>(1);
    run([]() -> Task<> { co_return; }());  // from the first loop on, forks are counted
    check_well(run_in_child([&parents = sender] {
        const RemoteSender<int> copy = parents;
        return !refused<BrokenResource>([&] { return copy.try_send(2); }) ? 1 : 0;
    }));
    const bool sent = sender.try_send(1);
    CHECK(sent);
}

TEST_CASE("a child may let go of a channel in which a thread of its parent waits") {
    auto channel = open_remote_channel<int>(1);
    auto sender = std::make_unique<RemoteSender<int>>(std::move(channel.first));
    auto receiver = std::make_unique<RemoteReceiver<int>>(std::move(channel.second));
    run([]() -> Task<> { co_return; }());  // from the first loop on, forks are counted
    std::thread waiting([&] { CHECK(receiver->blocking_receive() == 7); });
    check_well(run_in_child([&] {
        sender.reset();
        return 0;
    }));
    sender->blocking_send(7);
    waiting.join();
}

#endif
