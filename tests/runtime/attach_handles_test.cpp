// SPDX-License-Identifier: MIT
#include <functional>
#include <string>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>

#include "attach_host.hpp"
#include "child_process.hpp"

// libuv handles of the program's own beside Eddy's: on a loop that `run` owns, and phases of a
// host's turn.

namespace {

using eddy::testing::Gate;
using eddy::testing::Host;

struct Counter {
    uv_timer_t timer{};
    int fired = 0;
    Gate done;
};

}  // namespace

TEST_CASE("handles of the program's own work on the loop that run owns") {
    const auto main = []() -> eddy::Task<> {
        Counter counter;
        counter.timer.data = &counter;
        uv_timer_init(eddy::Loop::current().uv_loop(), &counter.timer);
        uv_timer_start(
            &counter.timer,
            [](uv_timer_t* timer) {
                auto& self = *static_cast<Counter*>(timer->data);
                if (++self.fired == 3) {
                    uv_close(reinterpret_cast<uv_handle_t*>(timer), [](uv_handle_t* handle) {
                        static_cast<Counter*>(handle->data)->done.open();
                    });
                }
            },
            1,
            1);
        co_await counter.done.wait();
        CHECK(counter.fired == 3);
    };
    eddy::run(main());
}

TEST_CASE("handles left open at the end are closed and reported by type") {
    const auto result = eddy::testing::run_in_child([] {
        static uv_timer_t timer;
        static uv_idle_t idle;
        const auto main = []() -> eddy::Task<> {
            uv_timer_init(eddy::Loop::current().uv_loop(), &timer);
            uv_timer_start(&timer, [](uv_timer_t*) {}, 1'000'000, 0);
            uv_idle_init(eddy::Loop::current().uv_loop(), &idle);
            co_return;
        };
        eddy::run(main());
        const bool closed = uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer)) != 0;
        return closed ? 0 : 1;
    });
    CHECK(result.exit_code == 0);
    CHECK(result.errors.find("timer") != std::string::npos);
    CHECK(result.errors.find("idle") != std::string::npos);
    CHECK(result.errors.find("still open") != std::string::npos);
}

TEST_CASE("a handle whose close callback is pending at the end is waited for") {
    static bool closed;
    closed = false;
    static uv_timer_t timer;
    const auto main = []() -> eddy::Task<> {
        uv_timer_init(eddy::Loop::current().uv_loop(), &timer);
        uv_close(reinterpret_cast<uv_handle_t*>(&timer), [](uv_handle_t*) { closed = true; });
        co_return;
    };
    eddy::run(main());
    CHECK(closed);
}

TEST_CASE("a callback of any phase of the host's turn wakes a job without delay") {
    // Its handles are older than Eddy's: libuv walks the lists of phases backwards, so in each they
    // come after Eddy's, when that has decided to block. The watchdog ends a poll that should not
    // be.
    Host host;
    struct Phases {
        uv_prepare_t prepare{};
        uv_check_t check{};
        uv_idle_t idle{};
        uv_timer_t watchdog{};
        Gate in_prepare;
        Gate in_check;
        Gate in_idle;
        bool timed_out = false;
    } phases;
    const auto start = [&](auto& handle, auto init) {
        init(host.loop(), &handle);
        handle.data = &phases;
    };
    start(phases.prepare, &uv_prepare_init);
    start(phases.check, &uv_check_init);
    start(phases.idle, &uv_idle_init);
    start(phases.watchdog, &uv_timer_init);
    uv_prepare_start(&phases.prepare, [](uv_prepare_t* handle) {
        auto& self = *static_cast<Phases*>(handle->data);
        if (self.in_prepare.waiters() != 0) {
            self.in_prepare.open();
        }
    });
    uv_check_start(&phases.check,
                   [](uv_check_t* handle) { static_cast<Phases*>(handle->data)->in_check.open(); });
    uv_timer_start(
        &phases.watchdog,
        [](uv_timer_t* timer) { static_cast<Phases*>(timer->data)->timed_out = true; },
        5'000,
        0);
    auto loop = eddy::Loop::attach(host.loop());
    loop->spawn(
        [](eddy::Loop& self, Phases& all) -> eddy::Task<> {
            co_await all.in_check.wait();
            uv_idle_start(&all.idle, [](uv_idle_t* handle) {
                static_cast<Phases*>(handle->data)->in_idle.open();
                uv_idle_stop(handle);
            });
            co_await all.in_idle.wait();
            co_await all.in_prepare.wait();
            uv_close(reinterpret_cast<uv_handle_t*>(&all.prepare), nullptr);
            uv_close(reinterpret_cast<uv_handle_t*>(&all.check), nullptr);
            uv_close(reinterpret_cast<uv_handle_t*>(&all.idle), nullptr);
            uv_close(reinterpret_cast<uv_handle_t*>(&all.watchdog), nullptr);
            self.detach([] {});
        },
        std::ref(*loop),
        std::ref(phases));
    host.run();
    CHECK_FALSE(phases.timed_out);
    CHECK(host.close() == 0);
}
