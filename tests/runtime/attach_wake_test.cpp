// SPDX-License-Identifier: MIT
#include <cstddef>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/wake_by.hpp>

#include "attach_host.hpp"

// What makes a loop's poll return when another thread has something for it.

namespace {

using eddy::WakeBy;
using eddy::testing::Gate;
using eddy::testing::Host;

struct Handles {
    std::size_t async = 0;
    std::size_t poll = 0;
};

/// Those of a loop that has done nothing yet: no sockets, no fine deadlines.
Handles handles_of(uv_loop_t* loop) {
    Handles found;
    uv_walk(
        loop,
        [](uv_handle_t* handle, void* out) {
            auto& counts = *static_cast<Handles*>(out);
            counts.async += handle->type == UV_ASYNC ? 1U : 0U;
            counts.poll += handle->type == UV_POLL ? 1U : 0U;
        },
        &found);
    return found;
}

void check_way(const Handles& found) {
    CHECK(found.async == (eddy::wake_by() == WakeBy::uv_async ? 1 : 0));
    CHECK(found.poll == (eddy::wake_by() == WakeBy::eventfd ? 1 : 0));
}

}  // namespace

TEST_CASE("EDDY_WAKE says what wakes a loop, and auto goes by the libuv that runs") {
#if defined(EDDY_WAKE_UV_ASYNC)
    const WakeBy asked_for = WakeBy::uv_async;
#elif defined(EDDY_WAKE_EVENTFD)
    const WakeBy asked_for = WakeBy::eventfd;
#elif defined(EDDY_WAKE_AUTO) && defined(__linux__)
    const bool spins = uv_version() < ((1U << 16) | (45U << 8));
    const WakeBy asked_for = spins ? WakeBy::eventfd : WakeBy::uv_async;
#elif defined(EDDY_WAKE_AUTO)
    const WakeBy asked_for = WakeBy::uv_async;
#endif
    CHECK(eddy::name_of(eddy::wake_by()) == eddy::name_of(asked_for));
    MESSAGE("libuv " << std::string(uv_version_string()) << ", a loop is woken by "
                     << eddy::name_of(eddy::wake_by()));
}

TEST_CASE("a loop of its own has the one handle for it that wake_by names") {
    Handles found;
    const auto main = [&]() -> eddy::Task<> {
        found = handles_of(eddy::Loop::current().uv_loop());
        co_return;
    };
    eddy::run(main());
    check_way(found);
}

TEST_CASE("an attached loop has that handle too, and nothing of it is left") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    check_way(handles_of(host.loop()));
    bool over = false;
    loop->detach([&] { over = true; });
    host.run();
    CHECK(over);
    const Handles left = handles_of(host.loop());
    CHECK(left.async + left.poll == 0);
}

TEST_CASE("a thread wakes a loop that waits for nothing else, again and again") {
    int arrived = 0;
    const auto main = [&]() -> eddy::Task<> {
        for (int round = 0; round < 200; ++round) {
            Gate posted;
            bool taken = false;
            std::thread sender([&posted, &taken, loop = eddy::Loop::current().handle()] {
                taken = loop.post([&posted] { posted.open(); });
            });
            co_await posted.wait();
            sender.join();
            arrived += taken ? 1 : 0;
        }
    };
    eddy::run(main());
    CHECK(arrived == 200);
}
