// SPDX-License-Identifier: MIT
// What of a guest keeps its host's loop running, and until when exactly.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/alarm.hpp>
#include <eddy/call_later.hpp>
#include <eddy/keep_host.hpp>
#include <eddy/loop.hpp>
#include <eddy/loop_metrics.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::KeepHost;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::HostTimer;

Task<> passes(Gate& gate, int& passed) {
    co_await gate.wait();
    ++passed;
}
Task<> sleeps(int& done) {
    for (int i = 0; i < 3; ++i) {
        co_await eddy::yield();
    }
    co_await eddy::sleep_for(1ms);
    ++done;
}

class Bell final : private eddy::Alarm {
public:
    using Alarm::arm;
    using Alarm::disarm;

private:
    void due() noexcept override {}
};

/// A host with nothing to do but for its guest, which does not want to be in its way.
struct Guest {
    Host host;
    std::unique_ptr<eddy::Loop> loop;

    explicit Guest(KeepHost keep_alive = KeepHost::while_jobs)
        : loop(eddy::Loop::attach(host.loop(), {.keep_alive = keep_alive})) {}
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    [[nodiscard]] bool kept() { return uv_loop_alive(host.loop()) != 0; }
    void leave() {
        bool gone = false;
        loop->detach([&gone] { gone = true; });
        CHECK(kept());
        host.run();
        CHECK(gone);
        CHECK(host.close() == 0);
    }
};

static_assert(std::is_convertible_v<bool, KeepHost>);
static_assert(!std::is_convertible_v<int, KeepHost>);
static_assert(!std::is_convertible_v<const char*, KeepHost>);
static_assert(KeepHost(true) == KeepHost::always && KeepHost(false) == KeepHost::never);
static_assert(eddy::AttachOptions().keep_alive == KeepHost::always);
static_assert(KeepHost::while_jobs != KeepHost::always && KeepHost::while_jobs != KeepHost::never);

TEST_CASE("a host returns when the last job of its guest has ended, and may run again") {
    Guest guest;
    CHECK_FALSE(guest.kept());
    guest.host.run();
    for (int round = 1; round <= 2; ++round) {
        int done = 0;
        guest.loop->spawn(sleeps(done));
        guest.loop->spawn(sleeps(done));
        CHECK(guest.kept());
        guest.host.run();
        CHECK(done == 2);
        CHECK_FALSE(guest.kept());
    }
    guest.leave();
}

TEST_CASE("a job that only another thread can wake keeps the host, as do the jobs of a group") {
    Guest guest;
    Gate gate;
    int passed = 0;
    guest.loop->spawn(
        [](Gate& g, int& count) -> Task<> {
            co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
                group.spawn(passes(g, count));
                co_return;
            });
        },
        std::ref(gate),
        std::ref(passed));
    std::thread other(
        [handle = guest.loop->handle(), &gate] { CHECK(handle.post([&gate] { gate.open(); })); });
    guest.host.run();
    other.join();
    CHECK(passed == 1);
    guest.leave();
}

TEST_CASE("a job that a callback of the host's spawns keeps it") {
    Guest guest;
    int done = 0;
    HostTimer timer(guest.host, 1, [&] { guest.loop->spawn(sleeps(done)); });
    guest.host.run();
    CHECK(done == 1);
    guest.leave();
}

TEST_CASE("a job that a posted function or another job spawns last keeps it") {
    Guest guest;
    int done = 0;
    guest.loop->spawn([&]() -> Task<> {
        guest.loop->spawn(sleeps(done));
        CHECK(guest.loop->post([&] { guest.loop->spawn(sleeps(done)); }));
        co_return;
    });
    guest.host.run();
    CHECK(done == 2);
    guest.leave();
}

TEST_CASE("a function to be called later keeps the host until it is called") {
    Guest guest;
    int calls = 0;
    eddy::call_later(1ms, [&] {
        ++calls;
        eddy::call_later(1ms, [&] { ++calls; });
    });
    CHECK(guest.kept());
    guest.host.run();
    CHECK(calls == 2);
    guest.leave();
}

TEST_CASE("a function to be called later that is cancelled keeps nobody any more") {
    Guest guest;
    eddy::TimerHandle later = eddy::call_later(1h, [] {});
    const auto start = std::chrono::steady_clock::now();
    HostTimer timer(guest.host, 1, [&] { CHECK(later.cancel()); });
    guest.host.run();
    CHECK(std::chrono::steady_clock::now() - start < 30min);
    guest.leave();
}

TEST_CASE("of deadlines only those of jobs and of functions to be called keep the host") {
    Guest guest;
    std::optional<eddy::LoopMetrics> metrics(std::in_place);  // looks at the loop, for ever
    Bell bell;
    bell.arm(eddy::now() + 1h);
    CHECK_FALSE(guest.kept());
    int calls = 0;
    eddy::call_at(eddy::never, [&] { ++calls; });
    guest.host.run();
    eddy::call_later(20ms, [&] { ++calls; });  // later than the next look
    CHECK(guest.kept());
    guest.host.run();
    CHECK(calls == 1);
    bell.disarm();
    metrics.reset();
    guest.leave();
}

TEST_CASE("what the host's own thread posts is called before the host returns") {
    Guest guest;
    int calls = 0;
    CHECK(guest.loop->post([&] { ++calls; }));
    CHECK(guest.kept());
    guest.host.run();
    CHECK(calls == 1);
    HostTimer timer(guest.host, 1, [&] { CHECK(guest.loop->post([&] { ++calls; })); });
    guest.host.run();
    CHECK(calls == 2);
    SUBCASE("also if another thread has posted before") {
        std::thread([&] { CHECK(guest.loop->post([&] { ++calls; })); }).join();
        CHECK(guest.loop->post([&] { ++calls; }));
        CHECK(guest.kept());
        guest.host.run();
        CHECK(calls == 4);
    }
    guest.leave();
}

TEST_CASE("what another thread posts wakes a host that runs, keeps no other, and is not lost") {
    Guest guest;
    int calls = 0;
    const auto post = [&] { CHECK(guest.loop->post([&] { ++calls; })); };
    std::thread(post).join();
    guest.host.run();
    CHECK(calls == 0);
    HostTimer timer(guest.host, 1, [] {});
    guest.host.run();
    CHECK(calls == 1);
    std::thread(post).join();
    guest.leave();
    CHECK(calls == 2);
}

TEST_CASE("a listener keeps no host, the job that accepts from it does") {
    Guest guest;
    std::optional<eddy::TcpListener> listener;
    listener.emplace(eddy::TcpListener::listen(eddy::Address::loopback(0)));
    CHECK_FALSE(guest.kept());
    auto accepting = guest.loop->spawn(
        [](eddy::TcpListener& from) -> Task<> {
            static_cast<void>(co_await eddy::move_on_after(1ms, from.accept()));
        },
        std::ref(*listener));
    CHECK(guest.kept());
    guest.host.run();
    CHECK(accepting.done());
    CHECK_FALSE(guest.kept());
    listener.reset();
    guest.leave();
}

TEST_CASE("jobs that a cancel of the loop ends keep the host until they have") {
    Guest guest;
    int cleaned = 0;
    guest.loop->spawn([&]() -> Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
        }
        co_await eddy::shield(sleeps(cleaned));
    });
    HostTimer timer(guest.host, 1, [&] { guest.loop->cancel("by the host"); });
    guest.host.run();
    CHECK(cleaned == 1);
    CHECK_FALSE(guest.kept());
    guest.leave();
}

TEST_CASE("ref keeps the host whatever there is, unref lets it go, and twice is once") {
    for (const KeepHost keep : {KeepHost::while_jobs, KeepHost::never}) {
        Guest guest(keep);
        CHECK_FALSE(guest.kept());
        guest.loop->ref();
        guest.loop->ref();
        CHECK(guest.kept());
        HostTimer timer(guest.host, 1, [&] { guest.loop->unref(); });
        guest.host.run();
        CHECK(timer.fired());
        CHECK_FALSE(guest.kept());
        guest.leave();
    }
}

TEST_CASE("a guest that always keeps its host lets it go with unref, jobs or not") {
    Guest guest(KeepHost::always);
    Gate gate;
    int passed = 0;
    guest.loop->spawn(passes(gate, passed));
    CHECK(guest.kept());
    guest.loop->unref();
    guest.loop->unref();
    CHECK_FALSE(guest.kept());
    guest.host.run();
    CHECK(passed == 0);
    guest.loop->ref();
    bool let_go = false;
    guest.loop->spawn([&]() -> Task<> {
        guest.loop->unref();
        guest.loop->ref();
        gate.open();
        co_await eddy::sleep_for(1ms);
        guest.loop->unref();
        let_go = true;
    });
    guest.host.run();
    CHECK(passed == 1);
    CHECK(let_go);
    CHECK_FALSE(guest.kept());
    guest.leave();
}

TEST_CASE("unref does not stop jobs that keep the host by themselves, nor a detach") {
    Guest guest;
    int done = 0;
    guest.loop->unref();
    guest.loop->spawn(sleeps(done));
    guest.loop->unref();
    CHECK(guest.kept());
    guest.host.run();
    CHECK(done == 1);
    bool gone = false;
    guest.loop->detach([&gone] { gone = true; });
    guest.loop->unref();
    CHECK(guest.kept());
    guest.host.run();
    CHECK(gone);
    guest.loop->ref();  // of no meaning any more
    CHECK_FALSE(guest.kept());
    CHECK(guest.host.close() == 0);
}

TEST_CASE("ref and unref are the loop thread's, and an attached loop's") {
    Guest guest;
    std::thread([&] {
        CHECK_THROWS_AS(guest.loop->ref(), eddy::WrongThread);
        CHECK_THROWS_AS(guest.loop->unref(), eddy::WrongThread);
    }).join();
    guest.leave();
    eddy::Loop own;
    CHECK_THROWS_AS(own.ref(), eddy::InvalidState);
    CHECK_THROWS_AS(own.unref(), eddy::InvalidState);
}

}  // namespace
