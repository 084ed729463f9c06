// SPDX-License-Identifier: MIT
#include <chrono>
#include <memory>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/with_scope.hpp>

#include "shortage.hpp"

#if EDDY_HEAP_HOOKS

// Memory is short in every place of an attached loop's life in turn: see shortage.hpp. libuv's own
// memory is not: it ends the process when it has none.

namespace {

using namespace std::chrono_literals;
using eddy::Task;

Task<> ignores_its_end() { co_await eddy::shield(eddy::sleep_forever()); }

Task<> sleeps_a_moment() { co_await eddy::sleep_for(1ms); }

}  // namespace

TEST_CASE("a shortage while an attached loop works and is detached") {
    eddy::testing::survives_shortage([](eddy::testing::ShortageRun& run) {
        uv_loop_t host;
        REQUIRE(uv_loop_init(&host) == 0);
        eddy::testing::CountingObserver observer;
        bool detached = false;
        run.begin();
        std::unique_ptr<eddy::Loop> loop;
        try {
            loop = eddy::Loop::attach(&host, {.loop = {.observer = &observer}});
            loop->spawn(ignores_its_end()).detach();
            loop->spawn(sleeps_a_moment()).detach();
        } catch (const std::bad_alloc&) {
        }
        for (int i = 0; i < 3; ++i) {
            uv_run(&host, UV_RUN_NOWAIT);
        }
        if (loop) {
            loop->detach([&detached] { detached = true; }, 1ms);
        }
        uv_run(&host, UV_RUN_DEFAULT);
        run.end();
        CHECK((detached || !loop));
        loop.reset();
        CHECK(uv_loop_close(&host) == 0);
    });
}

TEST_CASE("a shortage while a loop that has not run is destroyed, with posts and handles in it") {
    static int ran = 0;
    static uv_timer_t timer;  // outlives the loop that closes it
    eddy::testing::survives_shortage([](eddy::testing::ShortageRun& run) {
        auto loop = std::make_unique<eddy::Loop>();
        uv_timer_init(loop->uv_loop(), &timer);
        const bool posted = loop->post([] { ++ran; });
        run.begin();
        try {
            static_cast<void>(loop->post([] { ++ran; }));
        } catch (const std::bad_alloc&) {
        }
        ran = 0;
        loop.reset();
        run.end();
        CHECK(posted);
        CHECK(ran >= 1);
    });
}

#endif
