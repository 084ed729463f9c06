// SPDX-License-Identifier: MIT
#include <chrono>
#include <memory>
#include <optional>
#include <poll.h>
#include <unistd.h>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/os/descriptor.hpp>

#include "../attach_host.hpp"
#include "descriptor_kit.hpp"

// Descriptors on a loop that somebody else runs, who can see whether it has anything to do.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Descriptor;
using eddy::Loop;
using eddy::Task;

constexpr bool both_ways[] = {false, true};  // borrowed, adopted

TEST_CASE("descriptors are watched on a host's loop, which ends without them") {
    for (const bool adopts : both_ways) {
        Host host;
        RawPipe pipe;
        std::optional<Descriptor> watched;
        bool read = false;
        const auto main = [&]() -> Task<> {
            watched.emplace(watch(pipe.reader, adopts));
            co_await watched->readable();
            read = true;
            co_await watched->hang_up();
        };
        std::unique_ptr<eddy::Loop> loop = eddy::Loop::attach(host.loop());
        loop->spawn(main()).detach();
        HostTimer writes(host, 1, [&] { pipe.write("x"); });
        HostTimer ends(host, 20, [&] { loop->detach({}, 1s); });
        host.run();
        CHECK(read);
        CHECK_FALSE(watched->is_open());
        watched.reset();
        loop.reset();
        CHECK(host.close() == 0);
    }
}

/// The epoll set of the host's loop has nothing to report, so that the next poll sleeps.
bool sleeps(Host& host) {
    for (int i = 0; i < 5; ++i) {
        uv_run(host.loop(), UV_RUN_NOWAIT);
    }
    pollfd set{.fd = uv_backend_fd(host.loop()), .events = POLLIN, .revents = 0};
    return ::poll(&set, 1, 0) == 0;
}

void end(Host& host, std::unique_ptr<Loop>& loop) {
    loop->detach({}, 1s);
    host.run();
    loop.reset();
    CHECK(host.close() == 0);
}

TEST_CASE("what nobody waits for any more does not keep a loop busy") {
    for (const bool adopts : both_ways) {
        Host host;
        RawPipe pipe;
        std::optional<Descriptor> watched;
        std::unique_ptr<Loop> loop = Loop::attach(host.loop());
        const auto main = [&]() -> Task<> {
            watched.emplace(watch(pipe.reader, adopts));
            auto reading = eddy::spawn(wait_readable(*watched));
            auto leaving = eddy::spawn(wait_hang_up(*watched));
            co_await let_run();
            reading.cancel();
            co_await reading.wait();
            co_await leaving;
        };
        loop->spawn(main()).detach();
        CHECK(sleeps(host));
        CHECK(watched->statistics().awaiting_hang_up);
        pipe.write("nobody reads this");
        CHECK(sleeps(host));
        CHECK(watched->statistics().awaiting_hang_up);
        pipe.close_writer();
        CHECK(sleeps(host));
        CHECK(nobody_waits(*watched));
        end(host, loop);
    }
}

TEST_CASE("a borrowed descriptor that is closed while a duplicate lives keeps no loop busy") {
    Host host;
    RawPipe pipe;
    const Raw duplicate(::dup(pipe.reader.get()));
    std::optional<Descriptor> watched;
    std::unique_ptr<Loop> loop = Loop::attach(host.loop());
    const auto main = [&]() -> Task<> {
        watched.emplace(Descriptor::borrow(pipe.reader.get()));
        co_await watched->hang_up();
    };
    loop->spawn(main()).detach();
    CHECK(sleeps(host));
    ::close(pipe.reader.give());  // against the rules: a job waits for it
    pipe.close_writer();
    CHECK(sleeps(host));
    CHECK(nobody_waits(*watched));
    end(host, loop);
}

}  // namespace
