// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <uv.h>

#include <eddy/call_later.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"
#include "broken_contract.hpp"

// Jobs that run the libuv loop in which they run: host code does that, in a "wait until it is done"
// of its own. Eddy's side stands still meanwhile, and misses nothing.

namespace {

using namespace std::chrono_literals;
using eddy::Loop;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::HostTimer;

void poll_once(uv_loop_t* loop) { uv_run(loop, UV_RUN_NOWAIT); }

/// Lets `loop` run until a timer of the caller's own has fired.
void run_until_timer(uv_loop_t* loop, std::uint64_t milliseconds) {
    bool fired = false;
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    timer.data = &fired;
    const auto set = [](uv_timer_t* handle) { *static_cast<bool*>(handle->data) = true; };
    uv_timer_start(&timer, set, milliseconds, 0);
    while (!fired) {
        poll_once(loop);
    }
    bool closed = false;
    timer.data = &closed;
    uv_close(reinterpret_cast<uv_handle_t*>(&timer),
             [](uv_handle_t* handle) { *static_cast<bool*>(handle->data) = true; });
    while (!closed) {
        poll_once(loop);
    }
}

/// A step that is marked while it goes on: nobody else's may begin.
struct Steps {
    bool inside = false;
    int overlaps = 0;
    int count = 0;
    void enter() {
        overlaps += inside ? 1 : 0;
        inside = true;
        ++count;
    }
    void leave() { inside = false; }
};

Task<> plain(Steps& steps, int times) {
    for (int i = 0; i < times; ++i) {
        steps.enter();
        steps.leave();
        co_await eddy::yield();
    }
}
Task<> nesting(uv_loop_t* loop, Steps& steps, int times) {
    for (int i = 0; i < times; ++i) {
        steps.enter();
        poll_once(loop);
        steps.leave();
        co_await eddy::yield();
    }
}

}  // namespace

TEST_CASE("a job that runs its host's loop runs no other job meanwhile") {
    Host host;
    auto loop = Loop::attach(host.loop());
    Steps steps;
    for (int i = 0; i < 3; ++i) {
        loop->spawn(plain(steps, 100));
        loop->spawn(nesting(host.loop(), steps, 100));
    }
    HostTimer stop(host, 50, [&] { loop->detach([] {}); });
    host.run();
    CHECK(steps.overlaps == 0);
    CHECK(steps.count == 600);
}

TEST_CASE("so do a posted function, a timer's and an observer's hook") {
    class Nesting final : public eddy::Observer {
    public:
        explicit Nesting(uv_loop_t* host) : host_(host) {}
        [[nodiscard]] std::uint32_t hooks() const noexcept override { return polls | steps; }
        void before_poll(eddy::Duration) override { nest(); }
        void after_poll() override { nest(); }
        void before_step(const eddy::JobInfo&) override { nest(); }
        void after_step(const eddy::JobInfo&) override { nest(); }

        int calls = 0;
        int deepest = 0;

    private:
        void nest() {
            ++calls;
            deepest = std::max(deepest, ++depth_);
            poll_once(host_);
            --depth_;
        }
        uv_loop_t* host_;
        int depth_ = 0;
    };
    Host host;
    Nesting observer(host.loop());
    auto loop = Loop::attach(host.loop(), {.loop = {.observer = &observer}});
    Steps steps;
    int called = 0;
    CHECK(loop->post([&] {
        poll_once(host.loop());
        ++called;
    }));
    eddy::call_later(1ms, [&] {
        poll_once(host.loop());
        ++called;
    });
    loop->spawn(plain(steps, 10));
    HostTimer stop(host, 50, [&] { loop->detach([] {}); });
    host.run();
    CHECK(called == 2);
    CHECK(steps.count == 10);
    CHECK(observer.calls > 0);
    CHECK(observer.deepest == 1);
}

TEST_CASE("what wakes a job while another one runs the host's loop is not lost") {
    Host host;
    auto loop = Loop::attach(host.loop());
    Gate posted;
    Gate slept;
    Gate nested;
    loop->spawn([&]() -> Task<> {
        co_await eddy::sleep_for(1ms);  // due inside
        slept.open();
    });
    loop->spawn([&]() -> Task<> {
        const eddy::LoopHandle handle = Loop::current().handle();
        co_await eddy::yield();
        std::thread poster([&, handle] { CHECK(handle.post([&] { posted.open(); })); });
        poster.join();
        run_until_timer(host.loop(), 20);  // takes the wake-up of the post and the timer
        CHECK_FALSE(posted.is_open());
        CHECK_FALSE(slept.is_open());
        nested.open();
    });
    loop->spawn([&]() -> Task<> {
        co_await nested.wait();
        co_await posted.wait();
        co_await slept.wait();
        Loop::current().detach([] {});
    });
    host.run();
    CHECK(posted.is_open());
    CHECK(slept.is_open());
}

TEST_CASE("a loop of our own misses no wake-up that a job's own poll has taken") {
    const auto main = [](int& calls) -> Task<> {
        Gate posted;
        Gate slept;
        auto sleeper = eddy::spawn(
            [](Gate& gate) -> Task<> {
                co_await eddy::sleep_for(1ms);
                gate.open();
            },
            std::ref(slept));
        const eddy::LoopHandle handle = Loop::current().handle();
        for (int i = 0; i < 10; ++i) {
            co_await eddy::yield();
            std::thread poster([&, handle] { CHECK(handle.post([&] { ++calls; })); });
            poster.join();
            run_until_timer(Loop::current().uv_loop(), 2);
        }
        std::thread last([&, handle] { CHECK(handle.post([&] { posted.open(); })); });
        last.join();
        run_until_timer(Loop::current().uv_loop(), 2);
        co_await posted.wait();  // nothing else comes
        co_await slept.wait();
        co_await sleeper;
    };
    int calls = 0;
    eddy::run(main(calls));
    CHECK(calls == 10);
}

TEST_CASE("a host's loop that runs on another thread than the attached one says what to do") {
    eddy::testing::check_aborts("attach on the thread that runs it", [] {
        Host host;
        auto loop = Loop::attach(host.loop());
        loop->spawn([]() -> Task<> { co_await eddy::sleep_for(1ms); });
        std::thread([&] { host.run(); }).join();
    });
}
