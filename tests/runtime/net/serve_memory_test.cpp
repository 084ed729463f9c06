// SPDX-License-Identifier: MIT
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/observer.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>

#include "heap_hooks.hpp"
#include "serve_kit.hpp"

// What `serve` does with a connection that it has accepted and has no memory for.

#if EDDY_HEAP_HOOKS

using namespace serve_kit;

namespace {

using eddy::testing::FailAllocation;

/// Looks at the server when it reports; there is memory again from then on.
class Looks final : public eddy::Observer {
public:
    explicit Looks(const std::optional<Server>& server) noexcept : server_(server) {}

    void failure(const eddy::JobInfo&, std::exception_ptr error, std::string_view where) override {
        ++failures;
        ended = (shortage != nullptr && shortage->stop()) || ended;
        if (where == "accept, which pauses and tries again") {
            seen = server_->statistics();
            try {
                std::rethrow_exception(error);
            } catch (const std::bad_alloc&) {
                ++of_memory;
            }
        }
    }

    FailAllocation* shortage = nullptr;
    bool ended = false;
    std::size_t failures = 0;
    std::size_t of_memory = 0;
    ServeStatistics seen;

private:
    const std::optional<Server>& server_;
};

/// What has become of the runs.
struct Runs {
    std::size_t turned_away = 0;
    bool failed = true;  // an allocation of the latest
};

void check_turned_away(const ServeStatistics& statistics, std::size_t others) {
    CHECK(statistics.rejected == 1);
    CHECK(statistics.cancelled == 0);
    CHECK(statistics.failed + statistics.completed == 0);
    CHECK(statistics.active == others);
    CHECK(statistics.accepted == others + 1);
    CHECK(statistics.pauses == 1);
}

/// The nth allocation fails after a client has connected, or all from that on until the server says
/// so; another client comes after that.
Task<> one_run(std::optional<Server>& server,
               Looks& looks,
               std::size_t nth,
               FailAllocation::Mode mode,
               bool another_before,
               Runs& runs) {
    MemoryListener listener;
    server.emplace(eddy::ServeOptions{.first_pause = 5ms});
    auto serving = eddy::spawn(serve(*server, listener, echo));
    co_await settle();
    auto others = connect(listener, another_before ? 1 : 0);
    for (MemoryStream& other : others) {
        const bool answered = co_await answers(other);
        CHECK(answered);
    }
    MemoryStream unlucky = listener.connect();
    const eddy::TimePoint begun = eddy::now();
    FailAllocation shortage(nth, mode);
    looks.shortage = &shortage;
    co_await settle();
    looks.shortage = nullptr;
    runs.failed = shortage.stop() || looks.ended;
    if (server->statistics().rejected != 0) {
        ++runs.turned_away;
        check_turned_away(server->statistics(), others.size());
        check_turned_away(looks.seen, others.size());
        CHECK(looks.of_memory == 1);
        CHECK(looks.failures == 1);
        const Ending end = co_await reads(unlucky);
        CHECK(end == Ending::zero);
        others.push_back(listener.connect());
        for (MemoryStream& other : others) {
            const bool answered = co_await answers(other);
            CHECK(answered);
        }
        CHECK(eddy::now() - begun == 5ms);
        CHECK(looks.failures == 1);
        CHECK(server->statistics().active == others.size());
    }
    server->drain(0s);
    co_await serving;
    const ServeStatistics last = server->statistics();
    CHECK(last.accepted == last.completed + last.failed + last.cancelled + last.rejected);
    CHECK(last.active == 0);
}

/// How often a client was turned away, over all allocations that may fail.
std::size_t times_turned_away(FailAllocation::Mode mode, bool another_before) {
    Runs runs;
    for (std::size_t n = 0; runs.failed; ++n) {
        REQUIRE(n < 1000);
        std::thread([&] {  // whose pools are cold: frames need memory
            std::optional<Server> server;
            Looks looks(server);
            eddy::testing::VirtualClock clock;
            eddy::Loop loop({.clock = &clock, .observer = &looks});
            loop.run(one_run(server, looks, n, mode, another_before, runs));
        })
            .join();
    }
    return runs.turned_away;
}

}  // namespace

TEST_CASE("a connection without memory for its job is closed, rejected, and not cancelled") {
    for (const auto mode : {FailAllocation::Mode::once, FailAllocation::Mode::and_after}) {
        CHECK(times_turned_away(mode, false) != 0);
    }
}

TEST_CASE("a connection without memory for its job harms none that is served already") {
    for (const auto mode : {FailAllocation::Mode::once, FailAllocation::Mode::and_after}) {
        static_cast<void>(times_turned_away(mode, true));  // none, if the pools have room for it
    }
}

#endif
