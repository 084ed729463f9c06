// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <optional>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/lock.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "wrong_thread.hpp"

// A child destroys what it has inherited, which lets go of what its parent's jobs wait for: none of
// them runs there, and in the parent they wait on.

#ifndef EDDY_NO_FORK

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;

/// How often a job has gone on in another process than the one it was made in.
struct Strangers {
    pid_t parent = getpid();
    int count = 0;
    void look() { count += getpid() == parent ? 0 : 1; }
};

Task<> take(Strangers& strangers, eddy::Lock& lock) {
    const auto guard = co_await lock.acquire();
    strangers.look();
}

Task<int> in_own_loop(std::function<void()> drop, const Strangers& strangers) {
    drop();
    for (int i = 0; i < 5; ++i) {
        co_await eddy::yield();
    }
    co_await eddy::sleep_for(1ms);  // its own deadlines are as they were
    co_return strangers.count + (eddy::Loop::current().statistics().jobs_alive == 1 ? 0 : 50);
}

void check_well(const ChildResult& child) {
    CHECK_MESSAGE(child.exit_code == 0,
                  child.exit_code << ", signal " << child.signal << ": " << child.errors);
}

/// Calls `drop` in a child with a loop of its own, and in one that a thread without a loop forked.
void in_children(const Strangers& strangers, const std::function<void()>& drop) {
    check_well(run_in_child([&] { return eddy::run(in_own_loop(drop, strangers)); }));
#if EDDY_FORKS_AMONG_THREADS
    ChildResult child;
    on_another_thread([&] {
        child = run_in_child([&] {
            drop();
            return strangers.count;
        });
    });
    check_well(child);
#endif
}

EDDY_TEST_CASE("a child that drops a guard wakes none of its parent's jobs") {
    Strangers strangers;
    eddy::Lock lock;
    std::optional<eddy::LockGuard> guard(co_await lock.acquire());
    auto waiting = eddy::spawn(take(strangers, lock));
    co_await settle();
    in_children(strangers, [&] { guard.reset(); });
    CHECK_FALSE(waiting.done());
    guard.reset();
    co_await waiting;
}

EDDY_TEST_CASE("nor one that drops a channel's sender, and they are in a select") {
    Strangers strangers;
    auto [sender, receiver] = eddy::open_channel<int>(1);
    std::optional<eddy::Sender<int>> last(std::move(sender));
    const auto either = [](Strangers& noting, eddy::Receiver<int>& from) -> Task<> {
        const auto which = co_await eddy::select(from.receive(), eddy::sleep_forever());
        noting.look();
        CHECK(which.index() == 0);
    };
    auto waiting = eddy::spawn(either(strangers, receiver));
    co_await settle();
    in_children(strangers, [&] { last.reset(); });
    CHECK_FALSE(waiting.done());
    co_await last->send(1);
    co_await waiting;
}

}  // namespace

#endif
