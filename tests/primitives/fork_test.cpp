// SPDX-License-Identifier: MIT
#include <optional>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/lock.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "child_process.hpp"
#include "strangers.hpp"

// A child destroys what it has inherited, which lets go of what its parent's jobs wait for: none of
// them runs there, and in the parent they wait on.

#ifndef EDDY_NO_FORK

namespace {

using namespace eddy::testing;
using eddy::Task;

Task<> take(eddy::Lock& lock) { const auto guard = co_await lock.acquire(); }

EDDY_TEST_CASE("a child that drops a guard wakes none of its parent's jobs") {
    Strangers strangers;
    eddy::Lock lock;
    std::optional<eddy::LockGuard> guard(co_await lock.acquire());
    auto waiting = eddy::spawn(noted(strangers, take(lock)));
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
    const auto either = [](eddy::Receiver<int>& from) -> Task<> {
        const auto which = co_await eddy::select(from.receive(), eddy::sleep_forever());
        CHECK(which.index() == 0);
    };
    auto waiting = eddy::spawn(noted(strangers, either(receiver)));
    co_await settle();
    in_children(strangers, [&] { last.reset(); });
    CHECK_FALSE(waiting.done());
    co_await last->send(1);
    co_await waiting;
}

}  // namespace

#endif
