// SPDX-License-Identifier: MIT
// A guest that its host did not detach: the host ends as it would without one, or goes on.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/interval.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/yield.hpp>

#include "attach_host.hpp"
#include "child_process.hpp"
#include "heap_hooks.hpp"

#if !defined(EDDY_NO_FORK)

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::ChildResult;
using eddy::testing::Gate;
using eddy::testing::Host;
using eddy::testing::HostTimer;
using eddy::testing::run_in_child;

Task<> passes(Gate& gate, int& passed) {
    co_await gate.wait();
    ++passed;
}
Task<> counts_for_ever(int& count) {
    while (true) {
        ++count;
        co_await eddy::yield();
    }
}

void check_left_behind(const ChildResult& child, int code) {
    const bool ended_so = child.exit_code == code && child.signal == 0;
    CHECK_MESSAGE(
        ended_so,
        "signal " << child.signal << ", status " << child.exit_code << ": " << child.errors);
    CHECK_MESSAGE(
        child.errors.find("call detach, and keep the Loop until then") != std::string::npos,
        "it says: " << child.errors);
}

// Of a child; destroyed by its exit, the last one first.
Gate static_gate;
std::unique_ptr<eddy::Loop> static_guest;
Host* static_host = nullptr;  // never, but in one case
uv_loop_t remains_of_host;    // for whoever looks for leaks: a loop with handles in it keeps memory

/// With a job that waits, for the static host to run.
void make_static_guest() {
    static_host = new Host;
    static_guest = eddy::Loop::attach(static_host->loop());
    static_guest->spawn([]() -> Task<> { co_await eddy::sleep_for(1h); });
}

ChildResult exits_with_guest(const std::function<void()>& body) {
    std::fflush(nullptr);
    return run_in_child([&body] {
        make_static_guest();
        body();
        return 91;
    });
}

TEST_CASE("a host that returns with a guest in its loop ends with its own status") {
    const auto child = run_in_child([] {
        Host host;
        Gate gate;
        int passed = 0;
        auto loop = eddy::Loop::attach(host.loop());
        loop->spawn(passes(gate, passed));
        uv_run(host.loop(), UV_RUN_NOWAIT);
        return 3;
    });
    check_left_behind(child, 3);
    CHECK(child.errors.find("with 1 job:") != std::string::npos);
}

TEST_CASE("an exception of the host's that unwinds past a guest is seen") {
    const auto child = run_in_child([] {
        try {
            Host host;
            Gate gate;
            int passed = 0;
            auto loop = eddy::Loop::attach(host.loop());
            loop->spawn(passes(gate, passed));
            uv_run(host.loop(), UV_RUN_NOWAIT);
            throw std::runtime_error("the host's");
        } catch (const std::runtime_error& error) {
            return std::string(error.what()) == "the host's" ? 4 : 5;
        }
    });
    check_left_behind(child, 4);
}

TEST_CASE("an exit with a guest in a static object ends with its status, wherever it is called") {
    SUBCASE("before the host runs") {
        check_left_behind(exits_with_guest([] { std::exit(6); }), 6);
    }
    SUBCASE("in a callback of the host's") {
        const auto child = exits_with_guest([] {
            int passed = 0;
            static_guest->spawn(passes(static_gate, passed));
            HostTimer timer(*static_host, 1, [] { std::exit(6); });
            static_host->run();
        });
        check_left_behind(child, 6);
    }
    SUBCASE("in a job") {
        const auto child = exits_with_guest([] {
            int passed = 0;
            static_guest->spawn(passes(static_gate, passed));
            static_guest->spawn([]() -> Task<> {
                co_await eddy::yield();
                std::exit(6);
            });
            static_host->run();
        });
        check_left_behind(child, 6);
    }
    SUBCASE("while it is detached") {
        const auto child = exits_with_guest([] {
            static_guest->detach([] { std::exit(7); });
            std::exit(6);
        });
        check_left_behind(child, 6);
    }
    SUBCASE("when the host's loop is gone") {
        const auto child = exits_with_guest([] {
            remains_of_host = *static_host->loop();
            delete static_host;
            std::exit(6);
        });
        check_left_behind(child, 6);
    }
    SUBCASE("on another thread, while the host runs") {
        const auto child = exits_with_guest([] {
            std::thread other([] { std::exit(6); });
            static_host->run();
        });
        check_left_behind(child, 6);
    }
}

TEST_CASE("a host that goes on finds a guest that does nothing, and may have another") {
    const auto child = run_in_child([] {
        Host host;
        Gate gate;
        int passed = 0;
        int counted = 0;
        int calls = 0;
        std::optional<eddy::LoopHandle> door;
        {
            auto loop = eddy::Loop::attach(host.loop());
            loop->spawn(passes(gate, passed));
            loop->spawn(counts_for_ever(counted));
            eddy::call_later(1ms, [&] { ++calls; });
            uv_run(host.loop(), UV_RUN_NOWAIT);
            door.emplace(loop->handle());
        }
        const int before = counted;
        if (door->post([] {}) || !door->closed() || eddy::Loop::current_or_null() != nullptr) {
            return 1;
        }
        gate.open();
        HostTimer timer(host, 5, [] {});
        host.run();  // and returns
        if (!timer.fired() || passed != 0 || counted != before || calls != 0) {
            return 2;
        }
        auto second = eddy::Loop::attach(host.loop());
        bool done = false;
        bool gone = false;
        second->spawn([&]() -> Task<> {
            co_await eddy::sleep_for(1ms);
            done = true;
            second->detach([&gone] { gone = true; });
        });
        host.run();
        return done && gone ? 0 : 3;
    });
    check_left_behind(child, 0);
}

TEST_CASE("what its jobs wait in may be destroyed after it") {
    const auto child = run_in_child([] {
        Host host;
        Gate gate;
        Gate stop;
        std::optional<eddy::Interval> interval;
        int passed = 0;
        {
            auto loop = eddy::Loop::attach(host.loop());
            interval.emplace(eddy::now() + 1h, 1h);
            eddy::SignalSet signals({SIGUSR1});
            auto job = loop->spawn(passes(gate, passed));
            loop->spawn(
                [](Gate& one, Gate& other) -> Task<> {
                    co_await eddy::select(one.wait(), other.wait());
                },
                std::ref(gate),
                std::ref(stop));
            loop->spawn([](eddy::Interval& ticks) -> Task<> { co_await ticks.tick(); },
                        std::ref(*interval));
            loop->spawn([](eddy::JoinHandle<void>& other) -> Task<> { co_await other; },
                        std::ref(job));
            uv_run(host.loop(), UV_RUN_NOWAIT);
            if (gate.waiters() != 2) {
                return 1;
            }
            loop.reset();
            if (gate.waiters() != 0 || stop.waiters() != 0) {
                return 2;
            }
        }
        host.run();
        return 0;
    });
    check_left_behind(child, 0);
}

TEST_CASE("a signal that arrives in its host's loop is nobody's any more") {
    const auto child = run_in_child([] {
        Host host;
        auto loop = eddy::Loop::attach(host.loop());
        auto signals = std::make_unique<eddy::SignalSet>(std::initializer_list<int>{SIGUSR1});
        int heard = 0;
        loop->spawn([&]() -> Task<> {
            static_cast<void>(co_await signals->next());
            ++heard;
        });
        uv_run(host.loop(), UV_RUN_NOWAIT);
        loop.reset();
        static_cast<void>(raise(SIGUSR1));
        HostTimer timer(host, 5, [] {});
        while (!timer.fired()) {
            uv_run(host.loop(), UV_RUN_ONCE);
        }
        signals.reset();
        return heard;
    });
    check_left_behind(child, 0);
}

#if EDDY_HEAP_HOOKS
TEST_CASE("what is left behind without memory to say how much is told of all the same") {
    const auto child = run_in_child([] {
        Host host;
        auto loop = eddy::Loop::attach(host.loop());
        uv_run(host.loop(), UV_RUN_NOWAIT);
        const eddy::testing::FailAllocation none(0, eddy::testing::FailAllocation::Mode::and_after);
        loop.reset();
        return 0;
    });
    CHECK(child.exit_code == 0);
    CHECK_FALSE(child.errors.empty());
}
#endif

TEST_CASE("its sockets are silent in a host that goes on, and may be destroyed after it") {
    const auto child = run_in_child([] {
        Host host;
        std::optional<eddy::UnixStream> near;
        std::optional<eddy::UnixStream> far;
        std::optional<eddy::TcpListener> listener;
        bool read = false;
        auto loop = eddy::Loop::attach(host.loop());
        loop->spawn([&]() -> Task<> {
            auto [one, other] = eddy::UnixStream::pair();
            near.emplace(std::move(one));
            far.emplace(std::move(other));
            listener.emplace(eddy::TcpListener::listen(eddy::Address::loopback(0)));
            std::array<std::byte, 8> buffer{};
            static_cast<void>(co_await near->read_some(buffer));
            read = true;
        });
        uv_run(host.loop(), UV_RUN_NOWAIT);
        loop.reset();
        far.reset();  // an end of stream, which nobody hears of
        for (int i = 0; i < 3; ++i) {
            HostTimer timer(host, 1, [] {});
            host.run();
        }
        near.reset();
        listener.reset();
        host.run();
        return read ? 1 : 0;
    });
    check_left_behind(child, 0);
}

TEST_CASE("a job that destroys its loop goes on until its next wait") {
    const auto child = run_in_child([] {
        Host host;
        auto loop = eddy::Loop::attach(host.loop());
        int steps = 0;
        loop->spawn([&]() -> Task<> {
            loop.reset();
            ++steps;
            co_await eddy::yield();
            ++steps;
        });
        host.run();
        return steps == 1 && eddy::Loop::current_or_null() == nullptr ? 0 : 1;
    });
    check_left_behind(child, 0);
}

TEST_CASE("a job that destroys its loop leaves the queue it waits in next") {
    const auto child = run_in_child([] {
        Host host;
        Gate gate;
        auto loop = eddy::Loop::attach(host.loop());
        int steps = 0;
        loop->spawn([&]() -> Task<> {
            loop.reset();
            ++steps;
            co_await gate.wait();
            ++steps;
        });
        host.run();
        gate.open();
        host.run();
        return steps == 1 ? 0 : 1;
    });
    check_left_behind(child, 0);
}

TEST_CASE("a guest that is destroyed while its handles close stays until they have") {
    const auto child = run_in_child([] {
        Host host;
        // Of check handles the one that was started first comes last: after ours, and before the
        // close callbacks.
        struct Ending {
            std::optional<eddy::LoopHandle> door;
            std::unique_ptr<eddy::Loop> loop;
        } ending;
        uv_check_t check;
        uv_check_init(host.loop(), &check);
        check.data = &ending;
        uv_check_start(&check, [](uv_check_t* handle) {
            auto& found = *static_cast<Ending*>(handle->data);
            if (found.door && found.door->closed()) {
                found.loop.reset();
                uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
            }
        });
        ending.loop = eddy::Loop::attach(host.loop());
        std::unique_ptr<eddy::Loop>& loop = ending.loop;
        std::optional<eddy::UnixStream> left;
        std::optional<eddy::UnixStream> right;
        loop->spawn([&]() -> Task<> {
            auto [one, other] = eddy::UnixStream::pair();
            left.emplace(std::move(one));
            right.emplace(std::move(other));
            std::array<std::byte, 8> buffer{};
            co_await left->read_some(buffer);
        });
        uv_run(host.loop(), UV_RUN_NOWAIT);
        bool told = false;
        loop->detach([&told] { told = true; });
        ending.door.emplace(loop->handle());
        host.run();
        left.reset();
        right.reset();
        return told && loop == nullptr ? 0 : 1;
    });
    check_left_behind(child, 0);
}

}  // namespace

#endif
