// SPDX-License-Identifier: MIT
#include <memory>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/task.hpp>

#include "attach_host.hpp"

// The example of runtime/EMBEDDING.md.

TEST_CASE("a guest comes, works and leaves as its page shows") {
    eddy::testing::Host host;
    uv_loop_t* const uv_loop = host.loop();
    bool served = false;
    bool is_yours = false;
    const auto service = [&served]() -> eddy::Task<> {
        served = true;
        co_return;
    };
    const auto uv_is_yours_again = [&is_yours] { is_yours = true; };

    // on the thread that runs uv_loop
    std::unique_ptr<eddy::Loop> guest = eddy::Loop::attach(uv_loop);
    // from any callback of the host's
    guest->spawn(service());

    uv_run(uv_loop, UV_RUN_NOWAIT);
    CHECK(served);

    // and go on running the loop until then
    guest->detach([&] {
        guest.reset();
        uv_is_yours_again();
    });
    host.run();
    CHECK(is_yours);
    CHECK(guest == nullptr);
    CHECK(host.close() == 0);
}
