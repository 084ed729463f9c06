// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/cancel_handle.hpp>
#include <eddy/loop_handle.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::RecordingObserver;

/// Several threads that post to one loop, and what the loop saw of it.
class Producers final {
public:
    Producers(std::size_t threads, std::size_t posts) : next_(threads), posts_(posts) {}

    /// Waits until everything has come, or been refused.
    eddy::Task<> run() {
        const eddy::LoopHandle loop = eddy::Loop::current().handle();
        std::vector<std::thread> threads;
        for (std::size_t id = 0; id < next_.size(); ++id) {
            threads.emplace_back([this, id, loop] {
                for (std::size_t i = 0; i < posts_; ++i) {
                    if (!loop.post([this, id, i] { arrived(id, i); })) {
                        refused.fetch_add(1, std::memory_order_relaxed);
                    }
                }
            });
        }
        co_await all_there_.wait();
        for (std::thread& thread : threads) {
            thread.join();
        }
    }

    std::size_t executed = 0;
    std::size_t out_of_order = 0;
    std::atomic<std::size_t> refused{0};

private:
    void arrived(std::size_t id, std::size_t number) {
        out_of_order += next_[id] == number ? 0U : 1U;
        next_[id] = number + 1;
        if (++executed == next_.size() * posts_) {
            all_there_.open();
        }
    }

    std::vector<std::size_t> next_;
    std::size_t posts_;
    Gate all_there_;
};

eddy::Task<> yields(int times) {
    for (int i = 0; i < times; ++i) {
        co_await eddy::yield();
    }
}

}  // namespace

TEST_CASE("posts of several threads all arrive, those of one thread in order") {
    Producers producers(4, 20'000);
    eddy::run(producers.run());
    CHECK(producers.executed == 80'000);
    CHECK(producers.out_of_order == 0);
    CHECK(producers.refused == 0);
}

TEST_CASE("single posts wake a loop that sleeps, every time") {
    const auto main = []() -> eddy::Task<> {
        for (int round = 0; round < 500; ++round) {
            Gate gate;
            const eddy::LoopHandle loop = eddy::Loop::current().handle();
            std::thread poster([loop, &gate] { CHECK(loop.post([&gate] { gate.open(); })); });
            co_await gate.wait();
            poster.join();
        }
    };
    eddy::run(main());
}

TEST_CASE("what a post accepted is called before the loop ends, and nothing else is") {
    for (int round = 0; round < 2'000; ++round) {
        std::size_t executed = 0;  // by the loop, or by this thread after it
        std::atomic<std::size_t> accepted{0};
        auto loop = std::make_optional<eddy::Loop>();
        const auto hammer = [handle = loop->handle(), &executed, &accepted] {
            std::size_t mine = 0;
            while (handle.post([&executed] { ++executed; })) {
                ++mine;
            }
            accepted += mine;
        };
        std::thread first(hammer);
        std::thread second(hammer);
        loop->run(yields(round % 7));
        first.join();
        second.join();
        loop.reset();
        REQUIRE(executed == accepted.load());
    }
}

TEST_CASE("a loop that never runs still calls what it accepted, however late") {
    for (int round = 0; round < 300; ++round) {
        std::size_t executed = 0;
        std::atomic<std::size_t> accepted{0};
        std::optional<eddy::Loop> loop(std::in_place);
        std::thread poster([handle = loop->handle(), &executed, &accepted] {
            while (handle.post([&executed] { ++executed; })) {
                ++accepted;
            }
        });
        loop.reset();
        poster.join();
        REQUIRE(executed == accepted.load());
    }
}

TEST_CASE("a post before the run is called by it, once") {
    eddy::Loop loop;
    int calls = 0;
    CHECK(loop.post([&] { ++calls; }));
    CHECK(calls == 0);
    const auto main = [&]() -> eddy::Task<int> {
        co_await eddy::yield();
        co_return calls;
    };
    CHECK(loop.run(main()) == 1);
    CHECK(calls == 1);
}

TEST_CASE("a handle outlives its loop and refuses from then on") {
    auto loop = std::make_optional<eddy::Loop>();
    const eddy::LoopHandle handle = loop->handle();
    CHECK_FALSE(handle.closed());
    loop->run(yields(1));
    CHECK(handle.closed());
    loop.reset();
    CHECK(handle.closed());
    CHECK_FALSE(handle.post([] { FAIL("called by a loop that is gone"); }));
}

TEST_CASE("a refused function is destroyed, uncalled, before post returns") {
    eddy::Loop loop;
    loop.run(yields(0));
    auto held = std::make_shared<int>(1);
    CHECK_FALSE(loop.post([held] { FAIL("called"); }));
    CHECK(held.use_count() == 1);
    auto moved = std::make_unique<int>(2);
    CHECK_FALSE(loop.post([moved = std::move(moved)] { FAIL("called"); }));
}

EDDY_TEST_CASE("a posted function may be move-only, an lvalue, or a plain function") {
    static int calls;
    calls = 0;
    eddy::Loop& loop = eddy::Loop::current();
    auto owned = std::make_unique<int>(5);
    auto move_only = [value = std::move(owned)] { calls += *value; };
    CHECK(loop.post(std::move(move_only)));
    auto lvalue = [] { ++calls; };
    CHECK(loop.post(lvalue));
    CHECK(loop.post(lvalue));
    void (*function)() = [] { calls += 100; };
    CHECK(loop.post(function));
    co_await eddy::testing::settle();
    CHECK(calls == 107);
}

EDDY_TEST_CASE("a posted function that throws is reported, and the rest of the batch runs") {
    auto& failures = eddy::testing::expected_failures();
    eddy::Loop& loop = eddy::Loop::current();
    int calls = 0;
    auto held = std::make_shared<int>(1);
    CHECK(loop.post([&] { ++calls; }));
    CHECK(loop.post([held] { throw std::runtime_error("from a post"); }));
    CHECK(loop.post([] { throw 42; }));
    CHECK(loop.post([&] { ++calls; }));
    co_await eddy::testing::settle();
    CHECK(calls == 2);
    CHECK(held.use_count() == 1);
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].where == "posted function");
    CHECK(failures[0].message == "from a post");
    CHECK(failures[1].message == "an exception of type int");
}

EDDY_TEST_CASE("a function that posts itself for ever does not starve jobs") {
    struct Reposter {
        eddy::Loop& loop;
        const bool& stop;
        long long& calls;
        void operator()() const {
            ++calls;
            if (!stop) {
                CHECK(loop.post(*this));
            }
        }
    };
    bool stop = false;
    long long calls = 0;
    CHECK(eddy::Loop::current().post(Reposter{eddy::Loop::current(), stop, calls}));
    for (int i = 0; i < 10; ++i) {
        co_await yields(300);  // more than a turn
    }
    stop = true;
    co_await eddy::testing::settle();
    CHECK(calls >= 10);
    CHECK(calls < 3'000);
}

TEST_CASE("a function that posts itself for ever does not keep the loop from ending") {
    struct Reposter {
        eddy::LoopHandle loop;
        long long& calls;
        void operator()() const {
            ++calls;
            static_cast<void>(loop.post(*this));
        }
    };
    long long calls = 0;
    eddy::Loop loop;
    CHECK(loop.post(Reposter{loop.handle(), calls}));
    loop.run(yields(1'000));
    CHECK(calls > 0);
}

EDDY_TEST_CASE("posted functions run outside any job, and may spawn") {
    bool inside_job = true;
    Gate gate;
    CHECK(eddy::Loop::current().post([&] {
        try {
            static_cast<void>(eddy::current_effective_deadline());
        } catch (const eddy::InvalidState&) {
            inside_job = false;
        }
        eddy::spawn(
            [](Gate& g) -> eddy::Task<> {
                g.open();
                co_return;
            },
            std::ref(gate));
    }));
    co_await gate.wait();
    CHECK_FALSE(inside_job);
}

TEST_CASE(
    "a cancel handle cancels from another thread, and is harmless when job and loop are gone") {
    std::optional<eddy::CancelHandle> kept;
    const auto main = [&]() -> eddy::Task<> {
        eddy::JoinHandle<void> sleeper =
            eddy::spawn([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
        kept = sleeper.cancel_handle();
        std::thread canceller([stop = *kept] { CHECK(stop.cancel("from a thread")); });
        co_await sleeper.wait();
        canceller.join();
        CHECK(sleeper.state() == eddy::JobState::cancelled);
        CHECK(kept->cancel("too late"));
        co_await eddy::yield();
    };
    eddy::run(main());
    CHECK_FALSE(kept->cancel("much too late"));
}

TEST_CASE("a cancel that arrives after its job was destroyed by the end of the loop is harmless") {
    eddy::testing::VirtualClock clock;
    RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    class CancelsLate final {  // accepted, but delivered only when the jobs are gone
    public:
        explicit CancelsLate(std::optional<eddy::CancelHandle>& handle) : handle_(handle) {}
        CancelsLate(const CancelsLate&) = delete;
        CancelsLate& operator=(const CancelsLate&) = delete;
        ~CancelsLate() { CHECK(handle_->cancel()); }

    private:
        std::optional<eddy::CancelHandle>& handle_;
    };
    std::optional<eddy::CancelHandle> handle;
    const auto stubborn = [&]() -> eddy::Task<> {
        const CancelsLate late(handle);
        co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_forever(); });
    };
    const auto main = [&]() -> eddy::Task<> {
        handle = eddy::spawn(stubborn()).cancel_handle();
        co_await eddy::testing::settle();
    };
    loop.run(main(), {.grace = 1s});
    CHECK(observer.abandoned.size() == 1);
}

TEST_CASE("many loops on many threads post to each other") {
    constexpr int count = 4;
    std::vector<std::unique_ptr<eddy::Loop>> loops;
    std::vector<eddy::LoopHandle> handles;
    for (int i = 0; i < count; ++i) {
        loops.push_back(std::make_unique<eddy::Loop>());
        handles.push_back(loops.back()->handle());
    }
    std::vector<int> received(count, 0);  // each touched by its own loop's thread only
    std::vector<Gate> all_there(count);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            const auto main = [&](int self) -> eddy::Task<> {
                const auto next = static_cast<std::size_t>((self + 1) % count);
                for (int n = 0; n < 2'000; ++n) {
                    CHECK(handles[next].post([&counter = received[next], &gate = all_there[next]] {
                        if (++counter == 2'000) {
                            gate.open();
                        }
                    }));
                    co_await eddy::yield();
                }
                co_await all_there[static_cast<std::size_t>(self)].wait();
            };
            loops[static_cast<std::size_t>(i)]->run(main(i));
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const int number : received) {
        CHECK(number == 2'000);
    }
}
