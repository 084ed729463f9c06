// SPDX-License-Identifier: MIT
// A host that polls libuv's descriptor by itself, as GLib does: it asks uv_backend_timeout how long
// it may wait, and runs the loop without blocking when there is something. (Trials D6, H4.)
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/call_later.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/interval.hpp>
#include <eddy/loop.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "attach_polled.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Loop;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::poll_once;
using eddy::testing::poll_until;
using eddy::testing::Polled;

TEST_CASE("a call that the host's own code schedules is seen by uv_backend_timeout at once") {
    Polled guest;
    REQUIRE(uv_backend_timeout(guest.host.loop()) == -1);
    bool called = false;
    eddy::call_later(2ms, [&called] { called = true; });
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&called] { return called; }));
    guest.leave();
}

TEST_CASE("a later deadline than the one that is awaited needs nobody, an earlier one does") {
    Polled guest;
    int called = 0;
    eddy::call_later(1h, [&called] { called += 100; });
    guest.settle();
    poll_once(guest.host, 0);
    CHECK(uv_backend_timeout(guest.host.loop()) > 1'000);
    eddy::call_later(2h, [&called] { called += 100; });
    CHECK(uv_backend_timeout(guest.host.loop()) > 1'000);
    eddy::call_later(1ms, [&called] { ++called; });
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&called] { return called == 1; }));
    guest.leave();
}

TEST_CASE("one deadline after the other comes, though none is set in the host's prepare phase") {
    Polled guest;
    int woken = 0;
    for (const auto delay : {1ms, 2ms, 3ms, 4ms}) {
        guest.loop->spawn(
            [](eddy::Duration time, int& count) -> Task<> {
                co_await eddy::sleep_for(time);
                ++count;
            },
            eddy::Duration(delay),
            std::ref(woken));
    }
    guest.loop->spawn(
        [](int& count) -> Task<> {
            for (int i = 0; i < 3; ++i) {
                co_await eddy::sleep_for(1ms);  // set by a job, inside a turn
            }
            ++count;
        },
        std::ref(woken));
    CHECK(poll_until(guest.host, [&woken] { return woken == 5; }));
    guest.leave();
}

TEST_CASE("deadlines of scopes and intervals that the host's own code moves are seen at once") {
    Polled guest;
    eddy::CancelScope scope;
    eddy::Interval interval(eddy::now() + 1h, 1h);
    bool ended = false;
    int ticks = 0;
    guest.loop->spawn(
        [](eddy::CancelScope& s, bool& over) -> Task<> {
            co_await eddy::with_scope(s, []() -> Task<> { co_await eddy::sleep_forever(); });
            over = true;
        },
        std::ref(scope),
        std::ref(ended));
    guest.loop->spawn(
        [](eddy::Interval& i, int& count) -> Task<> {
            co_await i.tick();
            ++count;
        },
        std::ref(interval),
        std::ref(ticks));
    poll_once(guest.host, 0);
    poll_once(guest.host, 0);
    CHECK(uv_backend_timeout(guest.host.loop()) > 1'000);
    scope.set_deadline(eddy::now() + 1ms);
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&ended] { return ended; }));
    CHECK(ticks == 0);
    guest.leave();
}

TEST_CASE("a job that the host's own code wakes or spawns is seen at once") {
    Polled guest;
    Gate gate;
    int passed = 0;
    guest.loop->spawn(
        [](Gate& g, int& count) -> Task<> {
            co_await g.wait();
            ++count;
        },
        std::ref(gate),
        std::ref(passed));
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    guest.settle();
    CHECK(uv_backend_timeout(guest.host.loop()) == -1);
    gate.open();
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&passed] { return passed == 1; }));
    guest.leave();
}

TEST_CASE("an abort function that the host's own code has called for is called") {
    Polled guest;
    bool aborted = false;
    std::optional<eddy::Completion<void>> kept;
    auto job = guest.loop->spawn(
        [](bool& called, std::optional<eddy::Completion<void>>& keep) -> Task<> {
            co_await eddy::from_callback<void>(
                [&keep](eddy::Completion<void> done) { keep.emplace(std::move(done)); },
                [&called] { called = true; });
        },
        std::ref(aborted),
        std::ref(kept));
    guest.settle();
    job.cancel();
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&aborted] { return aborted; }));
    kept.reset();
    CHECK(poll_until(guest.host, [&job] { return job.done(); }));
    guest.leave();
}

TEST_CASE("detaching a guest without jobs needs no other event") {
    Polled guest;
    guest.loop->detach([&guest] { guest.gone = true; });
    CHECK(uv_backend_timeout(guest.host.loop()) == 0);
    CHECK(poll_until(guest.host, [&guest] { return guest.gone; }));
    CHECK(guest.host.close() == 0);
}

TEST_CASE("a turn that had to stop goes on without the host waiting") {
    Polled guest;
    int done = 0;
    for (int i = 0; i < 1'000; ++i) {
        REQUIRE(guest.loop->post([&done] { ++done; }));
    }
    CHECK(poll_until(guest.host, [&done] { return done == 1'000; }));
    for (int i = 0; i < 1'000; ++i) {
        eddy::call_later(0ms, [&done] { ++done; });
    }
    CHECK(poll_until(guest.host, [&done] { return done == 2'000; }));
    guest.leave();
}

TEST_CASE("settle, and virtual time, go on though no handle of the host's says so") {
    for (const bool virtual_time : {false, true}) {
        Host host;
        eddy::testing::VirtualClock clock;
        eddy::AttachOptions options;
        if (virtual_time) {
            options.loop.clock = &clock;
        }
        auto loop = Loop::attach(host.loop(), options);
        bool done = false;
        loop->spawn(
            [](bool sleep, bool& over) -> Task<> {
                if (sleep) {
                    co_await eddy::sleep_for(1h);
                } else {
                    co_await eddy::testing::settle();
                }
                over = true;
            },
            virtual_time,
            std::ref(done));
        CHECK(poll_until(host, [&done] { return done; }));
        bool gone = false;
        loop->detach([&gone] { gone = true; });
        CHECK(poll_until(host, [&gone] { return gone; }));
        CHECK(host.close() == 0);
    }
}

}  // namespace
