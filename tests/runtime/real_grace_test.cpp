// SPDX-License-Identifier: MIT
// A loop that ends while virtual time stands still: its grace is over in real time. The waits here
// are real, and short.
#include <chrono>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/from_callback.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "attach_polled.hpp"
#include "child_process.hpp"
#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::HoldTime;
using eddy::testing::let_run;
using eddy::testing::RecordingObserver;
using eddy::testing::VirtualClock;
using Completions = std::optional<eddy::Completion<void>>;

Task<> spins() {
    while (true) {
        co_await eddy::yield();
    }
}
Task<> always_ready() { co_await eddy::shield(spins()); }
Task<> never_answered(Completions& kept) {
    co_await eddy::from_callback<void>(
        [&kept](eddy::Completion<void> done) { kept.emplace(std::move(done)); });
}
Task<> holds_time() {
    const HoldTime hold;
    co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
}
Task<> sleeps_stubbornly() {
    co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_for(1h); });
}
Task<> settles() {
    co_await eddy::shield([]() -> Task<> {
        const HoldTime hold;
        co_await eddy::testing::settle();
    });
}

/// What may keep virtual time from moving while a loop ends.
enum class Way { ready, callback, hold, settle, stopped_clock };

Task<> culprit(Way way, Completions& kept) {
    switch (way) {
        case Way::ready:
            return always_ready();
        case Way::callback:
            return never_answered(kept);
        case Way::hold:
            return holds_time();
        case Way::settle:
            return settles();
        case Way::stopped_clock:
            break;
    }
    return sleeps_stubbornly();
}

constexpr Way ways[] = {Way::ready, Way::callback, Way::hold, Way::settle, Way::stopped_clock};

/// Real time, measured.
class Watch final {
public:
    void check_short() const {
        const auto time = std::chrono::steady_clock::now() - start_;
        CHECK(time >= 100ms);
        CHECK(time < 10s);
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

TEST_CASE("whatever holds virtual time, a loop that ends is over after the grace in real time") {
    for (const Way way : ways) {
        CAPTURE(static_cast<int>(way));
        VirtualClock clock(way == Way::stopped_clock ? VirtualClock::Autojump::off
                                                     : VirtualClock::Autojump::on);
        RecordingObserver observer;
        Completions kept;
        const Watch watch;
        {
            eddy::Loop loop({.clock = &clock, .observer = &observer});
            loop.run(
                [](Way which, Completions& keep) -> Task<> {
                    eddy::spawn(culprit(which, keep), {.name = "culprit"});
                    co_await let_run();
                }(way, kept),
                {.grace = 1ms});
            CHECK(loop.statistics().jobs_alive == 0);
            CHECK(loop.statistics().deadlines == 0);
        }
        watch.check_short();
        CHECK(clock.now().time_since_epoch() == 0s);
        REQUIRE(observer.abandoned.size() == 1);
        CHECK(observer.abandoned[0].find("culprit") != std::string::npos);
        CHECK(observer.abandoned[0].find("real_grace_test.cpp") != std::string::npos);
        CHECK(observer.failures.empty());  // a LoopClosed says what the report says
    }
}

TEST_CASE("so is the main job itself, when it was cancelled") {
    VirtualClock clock;
    RecordingObserver observer;
    const Watch watch;
    eddy::run(
        []() -> Task<> {
            eddy::Loop::current().cancel("enough");
            co_await always_ready();
        }(),
        {.grace = 1ms},
        {.clock = &clock, .observer = &observer});
    watch.check_short();
    CHECK(observer.abandoned.size() == 1);
}

TEST_CASE("so is a detached loop on a host's, that polls by itself or does not") {
    for (const bool polls : {true, false}) {
        for (const Way way : ways) {
            CAPTURE(static_cast<int>(way));
            VirtualClock clock(way == Way::stopped_clock ? VirtualClock::Autojump::off
                                                         : VirtualClock::Autojump::on);
            RecordingObserver observer;
            Completions kept;
            eddy::testing::Host host;
            auto loop =
                eddy::Loop::attach(host.loop(), {.loop = {.clock = &clock, .observer = &observer}});
            loop->spawn(culprit(way, kept), {.name = "culprit"});
            eddy::testing::poll_once(host, 0);
            bool gone = false;
            const Watch watch;
            loop->detach([&gone] { gone = true; }, 1ms);
            if (polls) {
                for (int i = 0; i < 1'000'000 && !gone; ++i) {
                    REQUIRE(eddy::testing::poll_once(host));
                }
            } else {
                host.run();
            }
            CHECK(gone);
            watch.check_short();
            CHECK(observer.abandoned.size() == 1);
            CHECK(host.close() == 0);
            loop.reset();
        }
    }
}

TEST_CASE("virtual time that moves is what counts, and the machine may be slow") {
    VirtualClock clock;
    RecordingObserver observer;
    const auto start = std::chrono::steady_clock::now();
    eddy::run(
        []() -> Task<> {
            eddy::spawn(sleeps_stubbornly());
            co_await let_run();
        }(),
        {.grace = 59min},
        {.clock = &clock, .observer = &observer});
    CHECK(clock.now().time_since_epoch() == 59min);
    CHECK(observer.abandoned.size() == 1);
    CHECK(std::chrono::steady_clock::now() - start < 10min);
}

TEST_CASE("the log says that the grace was over in real time, and what held virtual time") {
    const std::pair<Way, const char*> texts[] = {{Way::ready, "always ready"},
                                                 {Way::callback, "under way 1 time"},
                                                 {Way::stopped_clock, "nobody moves it"}};
    for (const auto& [way, text] : texts) {
        const auto child = eddy::testing::run_in_child([which = way] {
            VirtualClock clock(which == Way::stopped_clock ? VirtualClock::Autojump::off
                                                           : VirtualClock::Autojump::on);
            RecordingObserver observer;
            Completions kept;
            eddy::run(
                [](Way w, Completions& keep) -> Task<> {
                    eddy::spawn(culprit(w, keep));
                    co_await let_run();
                }(which, kept),
                {.grace = 1ms},
                {.clock = &clock, .observer = &observer});
            return observer.abandoned.size() == 1 ? 0 : 1;
        });
        CHECK(child.exit_code == 0);
        CHECK_MESSAGE(child.errors.find("in real time") != std::string::npos, child.errors);
        CHECK_MESSAGE(child.errors.find(text) != std::string::npos, child.errors);
    }
}

TEST_CASE("a coroutine test that leaves such a job behind fails, and names it and its place") {
    for (const Way way : {Way::ready, Way::callback}) {
        const auto child = eddy::testing::run_in_child([way] {
            dup2(STDERR_FILENO, STDOUT_FILENO);  // where the framework reports
            Completions kept;
            eddy::testing::run_test(
                [&]() -> Task<> {
                    eddy::spawn(culprit(way, kept), {.name = "culprit"});
                    co_await let_run();
                },
                eddy::testing::Order::fifo,
                1ms);
            std::cout.flush();
            return 0;
        });
        CHECK(child.exit_code == 0);
        for (const char* text : {"ERROR",
                                 "a job ignored its cancellation",
                                 "culprit",
                                 "real_grace_test.cpp",
                                 "in real time"}) {
            CHECK_MESSAGE(child.errors.find(text) != std::string::npos,
                          "it says: " << child.errors);
        }
    }
}
