// SPDX-License-Identifier: MIT
// A host that polls libuv's descriptor by itself, and every way in which its own code can make a
// guest's deadline earlier: the host must hear of each, since it has no other reason to wake up.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/alarm.hpp>
#include <eddy/interval.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "attach_polled.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::poll_once;
using eddy::testing::poll_until;
using eddy::testing::Polled;

class Bell final : private eddy::Alarm {
public:
    bool rung = false;
    using Alarm::arm;

private:
    void due() noexcept override { rung = true; }
};

Task<> sleeps() { co_await eddy::sleep_forever(); }
Task<> stubborn() { co_await eddy::shield(sleeps()); }

/// The guest's jobs sleep for an hour, or longer.
void come_to_rest(Polled& guest) {
    for (int i = 0; i < 100 && guest.timeout() == 0; ++i) {
        poll_once(guest.host, 0);
    }
    const int timeout = guest.timeout();
    CHECK((timeout == -1 || timeout > 1'000));
}

TEST_CASE("an interval that the host resets to an earlier tick ticks then") {
    Polled guest;
    eddy::Interval interval(eddy::now() + 1h, 2ms);
    int ticks = 0;
    guest.loop->spawn(
        [](eddy::Interval& i, int& count) -> Task<> {
            co_await i.tick();
            ++count;
        },
        std::ref(interval),
        std::ref(ticks));
    come_to_rest(guest);
    interval.reset();
    CHECK(guest.timeout() == 0);
    CHECK(poll_until(guest.host, [&ticks] { return ticks == 1; }));
    guest.leave();
}

TEST_CASE("an alarm that the host arms, or moves to an earlier moment, is due then") {
    Polled guest;
    Bell bell;
    bell.arm(eddy::now() + 2h);
    CHECK(guest.timeout() == 0);
    come_to_rest(guest);
    bell.arm(eddy::now() + 1h);
    come_to_rest(guest);
    bell.arm(eddy::now() + 2ms);
    CHECK(guest.timeout() == 0);
    CHECK(poll_until(guest.host, [&bell] { return bell.rung; }));
    guest.leave();
}

TEST_CASE("timeouts of a stream that the host makes shorter come then") {
    Polled guest;
    auto [near, far] = eddy::testing::memory_stream_pair();
    eddy::TimedStream<eddy::testing::MemoryStream> stream(std::move(near), {.idle = 1h});
    bool timed_out = false;
    guest.loop->spawn(
        [](eddy::TimedStream<eddy::testing::MemoryStream>& timed, bool& ended) -> Task<> {
            std::byte buffer[1];
            try {
                static_cast<void>(co_await timed.read_some(buffer));
            } catch (const eddy::TimedOut&) {
                ended = true;
            }
        },
        std::ref(stream),
        std::ref(timed_out));
    come_to_rest(guest);
    stream.set_timeouts({.idle = 2ms});
    CHECK(guest.timeout() == 0);
    CHECK(poll_until(guest.host, [&timed_out] { return timed_out; }));
    guest.leave();
}

TEST_CASE("a scope that the host gives a deadline, moves, or cancels, ends then") {
    for (int how = 0; how < 4; ++how) {
        Polled guest;
        eddy::CancelScope scope;
        bool ended = false;
        guest.loop->spawn(
            [](eddy::CancelScope& s, bool& over) -> Task<> {
                static_cast<void>(co_await eddy::with_scope(s, sleeps()));
                over = true;
            },
            std::ref(scope),
            std::ref(ended));
        come_to_rest(guest);
        if (how >= 1) {
            scope.set_deadline(eddy::now() + 1h);
            come_to_rest(guest);
        }
        how == 3   ? scope.cancel()
        : how == 2 ? scope.set_deadline(eddy::now())
                   : scope.set_deadline(eddy::now() + 2ms);
        CHECK(guest.timeout() == 0);
        CHECK(poll_until(guest.host, [&ended] { return ended; }));
        guest.leave();
    }
}

TEST_CASE("a job that the host cancels, or all of them, is woken then") {
    for (const bool all : {false, true}) {
        Polled guest;
        auto job = guest.loop->spawn(sleeps());
        come_to_rest(guest);
        if (all) {
            guest.loop->cancel("by the host");
        } else {
            job.cancel();
        }
        CHECK(guest.timeout() == 0);
        CHECK(poll_until(guest.host, [&job] { return job.done(); }));
        guest.leave();
    }
}

TEST_CASE("the grace that begins with a cancel or a detach of the host's is waited for") {
    eddy::testing::RecordingObserver observer;
    Polled guest({.loop = {.observer = &observer}});
    guest.loop->spawn(stubborn());
    come_to_rest(guest);
    REQUIRE(guest.timeout() == -1);
    guest.loop->cancel();
    CHECK(guest.timeout() == 0);
    come_to_rest(guest);
    CHECK(guest.timeout() <= 10'000);
    guest.loop->detach([&guest] { guest.gone = true; }, 2ms);
    CHECK(guest.timeout() == 0);
    guest.see_it_gone();
    CHECK(observer.abandoned.size() == 1);
}

TEST_CASE("virtual time that the host no longer holds goes on") {
    eddy::testing::VirtualClock clock;
    Polled guest({.loop = {.clock = &clock}});
    bool woken = false;
    std::optional<eddy::testing::HoldTime> hold(std::in_place);
    guest.loop->spawn(
        [](bool& over) -> Task<> {
            co_await eddy::sleep_for(1h);
            over = true;
        },
        std::ref(woken));
    come_to_rest(guest);
    CHECK_FALSE(woken);
    hold.reset();
    CHECK(guest.timeout() == 0);
    CHECK(poll_until(guest.host, [&woken] { return woken; }));
    guest.leave();
}

TEST_CASE("a guest that does not keep the host running is heard all the same") {
    Polled guest({.keep_alive = false});
    eddy::testing::HostTimer other(guest.host, 60'000, [] {});  // what the host lives for
    Bell bell;
    bell.arm(eddy::now() + 2ms);
    CHECK(guest.timeout() == 0);
    CHECK(poll_until(guest.host, [&bell] { return bell.rung; }));
    guest.loop->detach([&guest] { guest.gone = true; });
    CHECK(poll_until(guest.host, [&guest] { return guest.gone; }));
    other.stop();
    guest.host.run();
    CHECK(guest.host.close() == 0);
}

}  // namespace
