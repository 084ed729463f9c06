// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/with_scope.hpp>

#include "../attach_host.hpp"
#include "serve_kit.hpp"

// A drain ends within its limit, whatever handlers wait for: those that cannot be cancelled are
// left alone.

namespace {

using namespace serve_kit;
using eddy::testing::RecordingObserver;

/// What cannot be cancelled until it comes: an offloaded call, seen from the loop.
class Deaf final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Deaf& deaf) noexcept : deaf_(deaf) {}
        [[nodiscard]] bool try_now() const noexcept { return deaf_.over_; }
        void start() noexcept { deaf_.waiters_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Deaf::wait"; }

    private:
        [[nodiscard]] bool abort() noexcept override { return false; }
        [[nodiscard]] bool sever() noexcept override {
            unlink();
            return true;
        }
        Deaf& deaf_;
    };

    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }
    void end() {
        over_ = true;
        waiters_.wake_all();
    }

private:
    bool over_ = false;
    eddy::WaitQueue waiters_;
};

/// What handlers have in common, held by each of them.
struct Shared {
    Deaf deaf;
    int came_back = 0;
    int cancelled = 0;
    int failures = 0;
};
using SharedRef = std::shared_ptr<Shared>;

/// Goes on when its wait is over: uses its arguments and its stream, and sees its cancellation.
Task<> stubborn(MemoryStream stream, SharedRef shared, const std::string& text) {
    co_await shared->deaf.wait();
    ++shared->came_back;
    try {
        co_await stream.write_all(text);
    } catch (const eddy::Cancelled&) {
        shared->cancelled += text == "kept by serve" ? 1 : 0;
        throw;
    }
}

Task<> slow_to_unwind(MemoryStream, eddy::Duration time) {
    co_await eddy::shield([](eddy::Duration d) -> Task<> { co_await eddy::sleep_for(d); }, time);
    co_await eddy::checkpoint();
}

Task<> fails_late(MemoryStream, SharedRef shared) {
    co_await shared->deaf.wait();
    throw std::runtime_error("too late");
}

template <class Handle>
Task<> await(Handle& handle) {
    co_await handle;
}

}  // namespace

EDDY_TEST_CASE("a handler that cannot be cancelled is left alone, and serve returns in time") {
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    std::optional<Server> server(std::in_place, eddy::ServeOptions{.drain = 10s});
    auto serving =
        eddy::spawn(serve(*server, listener, stubborn, shared, std::string("kept by serve")));
    auto clients = connect(listener, 3);
    co_await settle();
    server->drain();
    const long took = co_await milliseconds_of(await(serving));
    CHECK(took == 10'100);
    const ServeStatistics last = server->statistics();
    CHECK(last.left == 3);
    CHECK(last.active == 0);
    CHECK(last.cancelled == 0);
    CHECK(last.accepted == last.left);
    server.reset();  // they do not need it any more
    CHECK(shared->came_back == 0);
    shared->deaf.end();
    co_await settle();
    CHECK(shared->came_back == 3);
    CHECK(shared->cancelled == 3);  // they stayed so
    CHECK(shared.use_count() == 1);
    const Ending end = co_await reads(clients[0]);
    CHECK(end == Ending::zero);
}

EDDY_TEST_CASE_FIFO("a connection that a late loop has in hand when a drain is over is closed") {
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    Server server({.unwind = 0s});
    auto serving =
        eddy::spawn(serve(server, listener, stubborn, shared, std::string("kept by serve")));
    auto clients = connect(listener, 1);
    co_await settle();
    Deaf gate;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 2000; ++i) {  // several turns of them
        jobs.push_back(eddy::spawn([](Deaf& its, Server& to, int number) -> Task<> {
            co_await its.wait();
            if (number == 0) {
                to.drain(0s);
            }
        }(gate, server, i)));
    }
    co_await settle();
    gate.end();
    auto late = connect(listener, 1);  // accepted now, behind them
    co_await serving;
    const ServeStatistics last = server.statistics();
    CHECK(last.left == 1);
    CHECK(last.accepted == 1);
    CHECK(last.active == 0);
    const Ending end = co_await reads(late[0]);
    CHECK((end == Ending::zero || end == Ending::broken));
    shared->deaf.end();
    co_await settle();
    CHECK(shared->came_back == 1);
}

EDDY_TEST_CASE_FIFO("so is one that waited for room, and got it when the drain was over") {
    auto shared = std::make_shared<Shared>();
    MemoryListener one;
    MemoryListener other;
    Server server({.max_connections = 1, .unwind = 0s});
    const std::string text = "kept by serve";
    auto serving = eddy::spawn(serve(server, one, stubborn, shared, text));
    auto beside = eddy::spawn(serve(server, other, stubborn, shared, text));
    co_await settle();
    auto clients = connect(one, 1);
    auto held = connect(other, 1);  // accepted in the same moment: one too many
    co_await settle();
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 2000; ++i) {
        jobs.push_back(eddy::spawn([](Deaf& its, Server& to, int number) -> Task<> {
            co_await its.wait();
            if (number == 0) {
                to.drain(0s);
            }
        }(shared->deaf, server, i)));
    }
    co_await settle();
    shared->deaf.end();  // the handler first, which makes room; then the drain
    co_await serving;
    co_await beside;
    CHECK(shared->came_back == 1);
    const ServeStatistics last = server.statistics();
    CHECK(last.active == 0);
    CHECK(last.left == 0);
    const Ending end = co_await reads(held[0]);
    CHECK((end == Ending::zero || end == Ending::broken));
}

EDDY_TEST_CASE("handlers that unwind in the time for that are cancelled, the others left") {
    MemoryListener listener;
    Server server({.drain = 10s, .unwind = 2s});
    auto quick = eddy::spawn(serve(server, listener, slow_to_unwind, 11s));
    MemoryListener other;
    auto slow = eddy::spawn(serve(server, other, slow_to_unwind, 20s));
    auto clients = connect(listener, 2);
    auto more = connect(other, 3);
    co_await settle();
    server.drain();
    const long took = co_await milliseconds_of(await(quick));
    CHECK(took == 11'000);
    const long then = co_await milliseconds_of(await(slow));
    CHECK(then == 1'000);
    const ServeStatistics last = server.statistics();
    CHECK(last.cancelled == 2);
    CHECK(last.left == 3);
    CHECK(last.active == 0);
    co_await eddy::sleep_for(10s);
    CHECK(server.statistics().cancelled == 2);  // those that are left do not count any more
}

EDDY_TEST_CASE("a drain that becomes impatient leaves at once, one that becomes patient does not") {
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    Server server({.drain = 10min});
    auto serving = eddy::spawn(serve(server, listener, stubborn, shared, std::string()));
    auto clients = connect(listener, 1);
    co_await settle();
    server.drain(1s);
    co_await eddy::sleep_for(1050ms);  // cancelled, and unwinding
    server.drain();
    co_await eddy::sleep_for(5min);
    CHECK_FALSE(serving.done());
    server.drain(0s);
    const long took = co_await milliseconds_of(await(serving));
    CHECK(took == 100);
    CHECK(server.statistics().left == 1);
    shared->deaf.end();
    co_await settle();
}

EDDY_TEST_CASE("a cancelled serve waits for its handlers, however long they take") {
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    Server server;
    auto serving = eddy::spawn(serve(server, listener, stubborn, shared, std::string()));
    auto clients = connect(listener, 1);
    co_await settle();
    serving.cancel();
    co_await eddy::sleep_for(1h);
    CHECK_FALSE(serving.done());
    CHECK(server.statistics().active == 1);
    shared->deaf.end();
    co_await serving.wait();
    CHECK(server.statistics().cancelled == 1);
    CHECK(server.statistics().left == 0);
}

EDDY_TEST_CASE("a cancelled serve that drains ends with the drain") {
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    Server server({.drain = 10s});
    auto serving = eddy::spawn(serve(server, listener, stubborn, shared, std::string()));
    auto clients = connect(listener, 1);
    co_await settle();
    serving.cancel();
    server.drain();
    const long took =
        co_await milliseconds_of([](auto& handle) -> Task<> { co_await handle.wait(); }(serving));
    CHECK(took == 10'100);
    CHECK(server.statistics().left == 1);
    shared->deaf.end();
    co_await settle();
}

EDDY_TEST_CASE("a handler that fails after it was left alone is reported as ever") {
    auto& failures = eddy::testing::expected_failures();
    auto shared = std::make_shared<Shared>();
    MemoryListener listener;
    {
        Server server({.drain = 0s});
        auto serving = eddy::spawn(serve(server, listener, fails_late, shared));
        auto clients = connect(listener, 1);
        co_await settle();
        server.drain();
        co_await serving;
        CHECK(server.statistics().failed == 0);
    }
    CHECK(failures.empty());
    shared->deaf.end();
    co_await settle();
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message == "too late");
    CHECK(failures[0].where == "connection handler");
}

namespace {

/// Serves one stubborn connection, drains, and ends.
Task<> serve_and_go(Server& server, SharedRef shared) {
    MemoryListener listener;
    auto serving =
        eddy::spawn(serve(server, listener, stubborn, shared, std::string()), {.name = "serving"});
    const MemoryStream client = listener.connect();
    co_await settle();
    server.drain();
    co_await serving;
}

}  // namespace

TEST_CASE("who is left alone is named once, and once more when the loop's grace ends that") {
    eddy::testing::VirtualClock clock;
    RecordingObserver observer;
    auto shared = std::make_shared<Shared>();
    Server server({.drain = 1s, .name = "visitor"});
    eddy::run(
        serve_and_go(server, shared), {.grace = 1s}, {.clock = &clock, .observer = &observer});
    REQUIRE(observer.left.size() == 1);
    CHECK(observer.left[0].find("visitor #") != std::string::npos);
    CHECK(observer.left[0].find("waits for Deaf::wait") != std::string::npos);
    CHECK(observer.left[0].find("serve_left_test.cpp:") != std::string::npos);
    CHECK(observer.abandoned.size() == 1);
    CHECK(observer.failures.empty());
    CHECK(clock.now().time_since_epoch() == 2100ms);
    CHECK(shared.use_count() == 1);
}

TEST_CASE("handlers that are destroyed with their loop leave nothing, left alone or not") {
    for (const bool left : {false, true}) {
        eddy::testing::VirtualClock clock;
        RecordingObserver observer;
        auto shared = std::make_shared<Shared>();
        Server server({.drain = 0s});
        MemoryListener listener;
        const auto main = [&]() -> Task<> {
            const auto waits = [](MemoryStream, SharedRef) -> Task<> {
                co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
            };
            auto serving = eddy::spawn(serve(server, listener, waits, shared));
            auto clients = connect(listener, 2);
            co_await settle();
            if (left) {
                server.drain();
                co_await serving;
            } else {
                co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
            }
        };
        const auto stops = [&]() -> Task<> {
            auto job = eddy::spawn(main());
            co_await eddy::sleep_for(5s);
        };
        eddy::run(stops(), {.grace = 1s}, {.clock = &clock, .observer = &observer});
        CHECK(observer.abandoned.size() == (left ? 2 : 4));
        CHECK(observer.left.size() == (left ? 2 : 0));
        CHECK(shared.use_count() == 1);
    }
}

TEST_CASE("on a host's loop, who is left alone ends with the detach") {
    eddy::testing::Host host;
    RecordingObserver observer;
    auto shared = std::make_shared<Shared>();
    bool done = false;
    {
        Server server({.drain = 1ms, .unwind = 1ms});
        auto loop = eddy::Loop::attach(host.loop(), {.loop = {.observer = &observer}});
        loop->spawn([](Server& its, SharedRef ref, eddy::Loop& guest, bool& out) -> Task<> {
                co_await serve_and_go(its, std::move(ref));
                guest.detach([&out] { out = true; }, 1ms);
            }(server, shared, *loop, done))
            .detach();
        host.run();
        CHECK(server.statistics().left == 1);
    }
    CHECK(done);
    CHECK(observer.left.size() == 1);
    CHECK(observer.abandoned.size() == 1);
    CHECK(shared.use_count() == 1);
    CHECK(host.close() == 0);
}
