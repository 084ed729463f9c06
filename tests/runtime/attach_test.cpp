// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::HostTimer;
using eddy::testing::RecordingObserver;

eddy::Task<> sleeps() { co_await eddy::sleep_forever(); }
eddy::Task<> stubborn() { co_await eddy::shield(sleeps()); }
eddy::Task<> passes(Gate& gate, int& passed) {
    co_await gate.wait();
    ++passed;
}
eddy::Task<> yields(int times, int& done) {
    for (int i = 0; i < times; ++i) {
        co_await eddy::yield();
    }
    ++done;
}

/// What a loop says of its polls.
class PollObserver final : public eddy::Observer {
public:
    [[nodiscard]] std::uint32_t hooks() const noexcept override { return polls; }
    void before_poll(eddy::Duration timeout) override {
        nested += polling ? 1 : 0;
        polling = true;
        timeouts.push_back(timeout);
        if (timeout != 0s && on_block) {
            std::exchange(on_block, nullptr)();
        }
    }
    void after_poll() override {
        ended += polling ? 1 : 0;
        polling = false;
    }

    std::function<void()> on_block;  // called once, before a poll that may block
    std::vector<eddy::Duration> timeouts;
    std::size_t ended = 0;
    int nested = 0;
    bool polling = false;
};

}  // namespace

TEST_CASE("jobs spawned before the host runs its loop, and during it, run in it") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    CHECK(eddy::Loop::current_or_null() == loop.get());
    CHECK(loop->uv_loop() == host.loop());
    int done = 0;
    loop->spawn(yields(1'000, done));
    HostTimer timer(host, 1, [&] {
        loop->spawn(yields(1'000, done));
        eddy::spawn(
            [](eddy::Loop& l, int& ended) -> eddy::Task<> {
                while (ended != 2) {
                    co_await eddy::sleep_for(1ms);
                }
                l.detach([] {});
            },
            std::ref(*loop),
            std::ref(done));
    });
    host.run();
    CHECK(done == 2);
    CHECK(eddy::Loop::current_or_null() == nullptr);
    CHECK(host.close() == 0);
}

TEST_CASE("an attached loop sleeps on the real clock, and never too short") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    int early = 0;
    loop->spawn(
        [](eddy::Loop& l, int& too_early) -> eddy::Task<> {
            for (const int microseconds : {1, 500, 1000, 1500, 2000}) {
                const eddy::Duration delay = std::chrono::microseconds(microseconds);
                const auto start = std::chrono::steady_clock::now();
                co_await eddy::sleep_for(delay);
                too_early += std::chrono::steady_clock::now() - start < delay ? 1 : 0;
            }
            l.detach([] {});
        },
        std::ref(*loop),
        std::ref(early));
    host.run();
    CHECK(early == 0);
    CHECK(host.close() == 0);
}

TEST_CASE("callbacks of the host wake jobs, which run in the same turn") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    Gate gate;
    int passed = 0;
    for (int i = 0; i < 3; ++i) {
        loop->spawn(passes(gate, passed));
    }
    loop->spawn(
        [](eddy::Loop& l, Gate& g) -> eddy::Task<> {
            co_await g.wait();
            l.detach([] {});
        },
        std::ref(*loop),
        std::ref(gate));
    int passed_in_callback = -1;
    HostTimer timer(host, 1, [&] {
        gate.open();
        passed_in_callback = passed;
    });
    host.run();
    CHECK(passed_in_callback == 0);
    CHECK(passed == 3);
    CHECK(host.close() == 0);
}

TEST_CASE("jobs and the host's own socket traffic share one loop") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    Gate answered;
    eddy::testing::EchoPair echo(host, "ping from the host", [&] { answered.open(); });
    int passed = 0;
    int turns = 0;
    bool stop = false;
    loop->spawn(
        [](const bool& finished, int& count) -> eddy::Task<> {
            while (!finished) {
                ++count;
                co_await eddy::yield();
            }
        },
        std::cref(stop),
        std::ref(turns));
    loop->spawn(
        [](eddy::Loop& l, Gate& gate, int& count, bool& finished) -> eddy::Task<> {
            co_await passes(gate, count);
            finished = true;
            l.detach([] {});
        },
        std::ref(*loop),
        std::ref(answered),
        std::ref(passed),
        std::ref(stop));
    host.run();
    CHECK(echo.received() == "ping from the host");
    CHECK(passed == 1);
    CHECK(turns > 0);
    CHECK(host.close() == 0);
}

TEST_CASE("other threads post to an attached loop, and wake it") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    const eddy::LoopHandle handle = loop->handle();
    int calls = 0;
    std::thread poster([handle, &calls, &loop] {
        for (int i = 0; i < 1'000; ++i) {
            CHECK(handle.post([&calls] { ++calls; }));
        }
        CHECK(handle.post([&loop] { loop->detach([] {}); }));
    });
    host.run();
    poster.join();
    CHECK(calls == 1'000);
    CHECK_FALSE(handle.post([] {}));
    CHECK(host.close() == 0);
}

TEST_CASE("without keep_alive a host with nothing left to do returns, and may run again") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop(), {.keep_alive = false});
    Gate gate;
    int passed = 0;
    loop->spawn(passes(gate, passed));
    host.run();  // nothing of the host's is active
    CHECK(passed == 0);
    HostTimer timer(host, 1, [&] { gate.open(); });
    host.run();
    CHECK(passed == 1);
    bool done = false;
    loop->detach([&] { done = true; });
    host.run();
    CHECK(done);
    CHECK(host.close() == 0);
}

TEST_CASE("with keep_alive the host runs on while nothing but Eddy is there") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    CHECK(uv_loop_alive(host.loop()) != 0);
    loop->detach([] {});
    host.run();
    CHECK(uv_loop_alive(host.loop()) == 0);
    CHECK(host.close() == 0);
}

TEST_CASE("detach of a loop without jobs is done at once, not after the grace period") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    const auto start = std::chrono::steady_clock::now();
    SUBCASE("before the host runs") {
        loop->detach([] {});
    }
    std::optional<HostTimer> timer;
    SUBCASE("from a timer of the host") {
        timer.emplace(host, 1, [&] { loop->detach([] {}); });
    }
    host.run();
    CHECK(std::chrono::steady_clock::now() - start < 9s);
    CHECK(host.close() == 0);
}

TEST_CASE("detach cancels the jobs and waits for their cleanup") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    int cleaned = 0;
    bool cleaned_before_done = false;
    const auto job = [&]() -> eddy::Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
        }
        co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_for(1ms); });
        ++cleaned;
    };
    loop->spawn(job());
    loop->spawn(job());
    HostTimer timer(host, 1, [&] { loop->detach([&] { cleaned_before_done = cleaned == 2; }); });
    HostTimer hosts_own(host, 5, [] {});
    host.run();
    CHECK(cleaned_before_done);
    CHECK(hosts_own.fired());
    CHECK(host.close() == 0);
}

TEST_CASE("detach from inside a job ends that job too") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    bool cancelled = false;
    bool done = false;
    const auto job = [&]() -> eddy::Task<> {
        loop->detach([&] { done = true; });
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            cancelled = true;
            throw;
        }
    };
    loop->spawn(job());
    host.run();
    CHECK(cancelled);
    CHECK(done);
    CHECK(host.close() == 0);
}

TEST_CASE("detach destroys jobs that ignore their cancellation when the grace is over") {
    Host host;
    RecordingObserver observer;
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.observer = &observer}});
    loop->spawn(stubborn(), {.name = "mule"});
    bool done = false;
    HostTimer timer(host, 1, [&] { loop->detach([&] { done = true; }, 0s); });
    host.run();
    CHECK(done);
    REQUIRE(observer.abandoned.size() == 1);
    CHECK(observer.abandoned[0].find("mule") != std::string::npos);
    CHECK(loop->statistics().jobs_alive == 0);
    CHECK(host.close() == 0);
}

TEST_CASE("on_done may destroy the loop, and a new one may join the same host") {
    Host host;
    auto first = eddy::Loop::attach(host.loop());
    std::unique_ptr<eddy::Loop> second;
    int done = 0;
    first->spawn(sleeps());
    HostTimer timer(host, 1, [&] {
        first->detach([&] {
            first.reset();
            second = eddy::Loop::attach(host.loop());
            second->spawn(yields(10, done));
            second->spawn(
                [](std::unique_ptr<eddy::Loop>& self) -> eddy::Task<> {
                    co_await eddy::yield();
                    self->detach([&self] { self.reset(); });
                },
                std::ref(second));
        });
    });
    host.run();
    CHECK(done == 0);  // cancelled on its way
    CHECK(first == nullptr);
    CHECK(second == nullptr);
    CHECK(host.close() == 0);
}

TEST_CASE("a spawn into a detached loop is LoopClosed, a post is refused") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    loop->detach([] {});
    host.run();
    CHECK_THROWS_AS(loop->spawn(sleeps()), eddy::LoopClosed);
    CHECK_FALSE(loop->post([] {}));
    CHECK(host.close() == 0);
}

TEST_CASE("one loop per thread: a second attach, or a run, is InvalidState") {
    Host host;
    Host other;
    auto loop = eddy::Loop::attach(host.loop());
    CHECK_THROWS_AS(static_cast<void>(eddy::Loop::attach(other.loop())), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(eddy::Loop::attach(host.loop())), eddy::InvalidState);
    CHECK_THROWS_AS(eddy::run(sleeps()), eddy::InvalidState);
    CHECK_THROWS_AS(loop->run(sleeps()), eddy::InvalidState);
    loop->detach([] {});
    host.run();
    CHECK(host.close() == 0);
    CHECK(other.close() == 0);
}

TEST_CASE("an attached loop on a virtual clock jumps over its sleeps") {
    Host host;
    eddy::testing::VirtualClock clock;
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.clock = &clock}});
    std::vector<int> order;
    const auto job = [&](int hours) -> eddy::Task<> {
        co_await eddy::sleep_for(std::chrono::hours(hours));
        order.push_back(hours);
        if (hours == 3) {
            co_await eddy::testing::settle();
            loop->detach([] {});
        }
    };
    for (const int hours : {3, 1, 2}) {
        loop->spawn(job(hours));
    }
    host.run();
    CHECK(order == std::vector<int>{1, 2, 3});
    CHECK(clock.now().time_since_epoch() == 3h);
    CHECK(host.close() == 0);
}

TEST_CASE("detach on a loop of one's own is InvalidState, from another thread WrongThread") {
    const auto main = []() -> eddy::Task<> {
        CHECK_THROWS_AS(eddy::Loop::current().detach([] {}), eddy::InvalidState);
        co_return;
    };
    eddy::run(main());

    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    std::thread([&] { CHECK_THROWS_AS(loop->detach([] {}), eddy::WrongThread); }).join();
    loop->detach([] {});
    host.run();
    CHECK(host.close() == 0);
}

TEST_CASE("observers see the polls of an attached loop, and how long they may block") {
    Host host;
    PollObserver observer;
    auto loop = eddy::Loop::attach(host.loop(), {.loop = {.observer = &observer}});
    std::optional<HostTimer> opens;
    std::optional<HostTimer> cancels;
    Gate gate;
    const auto job = [&]() -> eddy::Task<> {
        co_await eddy::yield();
        observer.on_block = [&] { opens.emplace(host, 1, [&] { gate.open(); }); };
        const std::size_t before_wait = observer.timeouts.size();
        co_await gate.wait();
        CHECK(observer.timeouts.at(before_wait) == eddy::Duration::max());
        observer.on_block = [&] { cancels.emplace(host, 1, [&] { loop->detach([] {}); }); };
        const std::size_t before_sleep = observer.timeouts.size();
        try {
            co_await eddy::sleep_for(1h);
        } catch (const eddy::Cancelled&) {
        }
        CHECK(observer.timeouts.at(before_sleep) > 59min);
        CHECK(observer.timeouts.at(before_sleep) <= 1h);
    };
    loop->spawn(job());
    host.run();
    CHECK(observer.timeouts.front() == 0s);  // a job was ready
    CHECK(observer.ended == observer.timeouts.size());
    CHECK(observer.nested == 0);
    CHECK(host.close() == 0);
}
