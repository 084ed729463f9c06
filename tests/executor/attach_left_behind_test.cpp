// SPDX-License-Identifier: MIT
// Results of a pool for a guest that was destroyed while it was attached.
#include <atomic>
#include <functional>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/portal.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/thread_pool.hpp>

#include "child_process.hpp"

#if !defined(EDDY_NO_FORK)

namespace {

using eddy::Task;

TEST_CASE("a result that comes when the guest is no more is dropped, a portal says LoopClosed") {
    const auto child = eddy::testing::run_in_child([] {
        std::atomic<bool> started = false;
        std::atomic<bool> release = false;
        std::atomic<bool> refused = false;
        {
            eddy::ThreadPool pool({.threads = 1});
            auto loop = eddy::Loop::attach(uv_default_loop());
            loop->spawn([&]() -> Task<> {
                eddy::Portal portal;
                const auto call = [&started, &release, &refused, portal] {
                    started = true;
                    started.notify_one();
                    release.wait(false);
                    try {
                        static_cast<void>(portal.submit([] { return 1; }));
                    } catch (const eddy::LoopClosed&) {
                        refused = true;
                    }
                };
                co_await eddy::run_in_executor(pool, std::ref(call));
            });
            uv_run(uv_default_loop(), UV_RUN_NOWAIT);
            started.wait(false);
            loop.reset();
            release = true;
            release.notify_one();
        }  // the pool waits
        return refused ? 7 : 8;
    });
    CHECK_MESSAGE(child.exit_code == 7, "status " << child.exit_code << ": " << child.errors);
}

}  // namespace

#endif
