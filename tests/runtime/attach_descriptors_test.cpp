// SPDX-License-Identifier: MIT
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <system_error>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

#include "attach_host.hpp"
#include "descriptor_count.hpp"
#include "net/system_calls.hpp"

// A loop that cannot have what it needs to join a host.

#if EDDY_SYSTEM_CALL_FAULTS

namespace {

using namespace std::chrono_literals;
using eddy::testing::FailNth;
using eddy::testing::Host;
using eddy::testing::name_of;
using eddy::testing::open_fds;
using eddy::testing::SystemCall;

eddy::Task<> sleeps(bool& slept) {
    co_await eddy::sleep_for(1ms);
    slept = true;
}

/// A loop that joins this host works.
void live_once(Host& host) {
    bool slept = false;
    bool detached = false;
    auto loop = eddy::Loop::attach(host.loop(), {});
    loop->spawn(sleeps(slept)).detach();
    for (int turns = 0; !slept && turns < 1000; ++turns) {
        uv_run(host.loop(), UV_RUN_ONCE);
    }
    loop->detach([&detached] { detached = true; }, 1ms);
    host.run();
    CHECK(slept);
    CHECK(detached);
}

}  // namespace

TEST_CASE("a loop that cannot join its host is an error, and leaves the host as it was") {
    Host host;
    live_once(host);
    const std::size_t before = open_fds();
    for (const SystemCall call : {SystemCall::eventfd, SystemCall::watch}) {
        for (const int error : {EMFILE, ENOMEM}) {
            bool failed = true;
            for (std::size_t nth = 1; failed; ++nth) {
                REQUIRE(nth < 10);
                const FailNth fault(call, error, nth);
                bool told = false;
                try {
                    auto loop = eddy::Loop::attach(host.loop(), {});
                    loop->detach({}, 1ms);
                    host.run();
                } catch (const eddy::IoError& failure) {
                    told = failure.code() == std::error_code(error, std::system_category());
                }
                failed = fault.failed() != 0;
                CHECK_MESSAGE(told == failed, name_of(call) << " number " << nth << ": " << error);
                CHECK(uv_loop_alive(host.loop()) == 0);
                CHECK(open_fds() == before);
            }
        }
    }
    live_once(host);
    CHECK(host.close() == 0);
}

#endif
