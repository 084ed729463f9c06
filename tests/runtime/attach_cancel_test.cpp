// SPDX-License-Identifier: MIT
// Loop::cancel on a host's loop: a grace, an end, and what is left until detach.
#include <chrono>
#include <functional>
#include <list>
#include <string>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
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
using eddy::testing::RecordingObserver;

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> stubborn(eddy::Duration time = eddy::Duration::max()) {
    co_await eddy::shield(sleeps(time));
}

/// A guest in virtual time that reports to the test.
struct Guest {
    eddy::testing::VirtualClock clock;
    RecordingObserver observer;
    Polled polled{{.loop = {.clock = &clock, .observer = &observer}}};
    eddy::Loop& loop = *polled.loop;

    [[nodiscard]] eddy::Duration elapsed() const { return clock.now().time_since_epoch(); }
    void detach(eddy::Duration grace) {
        loop.detach([this] { polled.gone = true; }, grace);
    }
    [[nodiscard]] bool run_until(const std::function<bool()>& done) {
        return poll_until(polled.host, done);
    }
    /// Takes no more jobs or calls, and is there.
    void check_over() {
        CHECK_THROWS_AS(loop.spawn(sleeps(0s)), eddy::LoopClosed);
        CHECK_THROWS_AS(eddy::call_later(0s, [] {}), eddy::LoopClosed);
        CHECK(loop.statistics().jobs_alive == 0);
        CHECK(loop.statistics().deadlines == 0);
        CHECK_FALSE(polled.gone);
        bool posted = false;
        CHECK(loop.post([&posted] { posted = true; }));
        CHECK(run_until([&posted] { return posted; }));
    }
};

}  // namespace

TEST_CASE("a cancelled attached loop ends stubborn jobs after ten seconds, and stays attached") {
    Guest guest;
    guest.loop.spawn(stubborn(), {.name = "mule"});
    auto tame = guest.loop.spawn(sleeps(1h));
    poll_once(guest.polled.host, 0);
    guest.loop.cancel("enough");
    CHECK(guest.run_until([&] { return guest.loop.statistics().jobs_alive == 0; }));
    CHECK(tame.done());
    CHECK(guest.elapsed() == 10s);
    REQUIRE(guest.observer.abandoned.size() == 1);
    CHECK(guest.observer.abandoned[0].find("mule") != std::string::npos);
    CHECK(guest.observer.abandoned[0].find("attach_cancel_test.cpp") != std::string::npos);
    guest.check_over();
    guest.detach(1h);
    guest.polled.see_it_gone();
    CHECK(guest.elapsed() == 10s);
}

TEST_CASE("a detach replaces the grace of a cancel by its own, be it shorter or longer") {
    for (const eddy::Duration grace : {eddy::Duration(50ms), eddy::Duration(1h)}) {
        Guest guest;
        guest.loop.spawn(stubborn());
        poll_once(guest.polled.host, 0);
        guest.loop.cancel();
        guest.detach(grace);
        guest.detach(2h);  // does nothing
        guest.polled.see_it_gone();
        CHECK(guest.elapsed() == grace);
        CHECK(guest.observer.abandoned.size() == 1);
    }
}

TEST_CASE("a detach in the middle of a cancel's grace counts from the detach") {
    Guest guest;
    guest.loop.spawn(stubborn());
    guest.loop.spawn(
        [](Guest& g) -> Task<> {
            co_await eddy::shield(sleeps(4s));
            g.detach(50ms);
        },
        std::ref(guest));
    poll_once(guest.polled.host, 0);
    guest.loop.cancel();
    guest.polled.see_it_gone();
    CHECK(guest.elapsed() == 4050ms);
}

TEST_CASE("a longer grace lets jobs end that the first would not have") {
    Guest guest;
    auto job = guest.loop.spawn(stubborn(1min));
    poll_once(guest.polled.host, 0);
    guest.loop.cancel();
    guest.detach(1h);
    guest.polled.see_it_gone();
    CHECK(guest.elapsed() == 1min);
    CHECK(guest.observer.abandoned.empty());
    CHECK(job.done());
}

TEST_CASE("a detach with no time left, or less, ends stubborn jobs in the next turn") {
    for (const eddy::Duration grace :
         {eddy::Duration(0s), eddy::Duration(-1s), eddy::Duration::min()}) {
        Guest guest;
        guest.loop.spawn(stubborn());
        poll_once(guest.polled.host, 0);
        guest.detach(grace);
        guest.polled.see_it_gone();
        CHECK(guest.elapsed() == 0s);
        CHECK(guest.observer.abandoned.size() == 1);
    }
}

TEST_CASE("a cancelled attached loop whose jobs end by themselves takes no more, too") {
    for (const bool job : {true, false}) {
        Guest guest;
        if (job) {
            guest.loop.spawn(sleeps(1h));
        }
        poll_once(guest.polled.host, 0);
        guest.loop.cancel();
        poll_once(guest.polled.host, 0);
        CHECK(guest.observer.abandoned.empty());
        CHECK(guest.elapsed() == 0s);
        guest.check_over();
        guest.detach(1h);
        guest.polled.see_it_gone();
        CHECK(guest.elapsed() == 0s);
    }
}

TEST_CASE("a job of an attached loop may cancel the loop, and then detach it") {
    Guest guest;
    guest.loop.spawn(
        [](Guest& g) -> Task<> {
            g.loop.cancel();
            g.detach(5s);
            co_await stubborn();
        },
        std::ref(guest));
    guest.polled.see_it_gone();
    CHECK(guest.elapsed() == 5s);
    CHECK(guest.observer.abandoned.size() == 1);
}

TEST_CASE("a host that runs its loop itself sees the same") {
    eddy::testing::Host host;
    eddy::testing::VirtualClock clock;
    RecordingObserver observer;
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.clock = &clock, .observer = &observer}});
    loop->spawn(stubborn());
    bool done = false;
    eddy::testing::HostTimer cancels(host, 1, [&] { loop->cancel(); });
    std::list<eddy::testing::HostTimer> looks;
    const std::function<void()> look = [&] {
        if (observer.abandoned.empty()) {  // timers of the same phase: it has had no turn yet
            looks.emplace_back(host, 1, look);
            return;
        }
        CHECK_THROWS_AS(loop->spawn(sleeps(0s)), eddy::LoopClosed);
        loop->detach([&done] { done = true; });
    };
    looks.emplace_back(host, 2, look);
    host.run();
    CHECK(observer.abandoned.size() == 1);
    CHECK(done);
    CHECK(clock.now().time_since_epoch() == 10s);
    CHECK(host.close() == 0);
}
