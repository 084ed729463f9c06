// SPDX-License-Identifier: MIT
#include <eddy/stop_token.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::sleep_for;
using eddy::Task;
using eddy::with_stop_source;
using eddy::with_stop_token;
using eddy::testing::Gate;
using eddy::testing::settle;

Task<> forever() { co_await eddy::sleep_forever(); }

Task<> sleeps() { co_await sleep_for(1s); }

Task<int> seven_after(eddy::Duration delay) {
    co_await sleep_for(delay);
    co_return 7;
}

}  // namespace

// --- a token stops work ------------------------------------------------------------------------

EDDY_TEST_CASE("work under a token that is never stopped returns its result") {
    std::stop_source source;
    const auto value = co_await with_stop_token(source.get_token(), seven_after(1s));
    CHECK(value == 7);
    const bool finished = co_await with_stop_token(source.get_token(), [] { return sleeps(); });
    CHECK(finished);
    const auto without_source = co_await with_stop_token(std::stop_token(), seven_after(1s));
    CHECK(without_source == 7);
}

EDDY_TEST_CASE("a stop on the loop's thread cancels the work, and runs nothing") {
    std::stop_source source;
    auto working = eddy::spawn(with_stop_token(source.get_token(), forever()));
    co_await settle();
    source.request_stop();
    CHECK_FALSE(working.done());
    const bool finished = co_await working;
    CHECK_FALSE(finished);
}

EDDY_TEST_CASE("a token that is stopped already cancels the work at its first checkpoint") {
    std::stop_source source;
    source.request_stop();
    bool started = false;
    const auto value = co_await with_stop_token(
        source.get_token(),
        [](bool& flag) -> Task<int> {
            flag = true;
            co_return co_await seven_after(1s);
        },
        std::ref(started));
    CHECK(started);
    CHECK_FALSE(value.has_value());
}

EDDY_TEST_CASE(
    "work that has ended does not mind a stop, and one that catches it keeps its result") {
    std::stop_source source;
    const auto value = co_await with_stop_token(source.get_token(), seven_after(1s));
    source.request_stop();
    CHECK(value == 7);
    const auto caught = co_await with_stop_token(source.get_token(), []() -> Task<int> {
        try {
            co_await forever();
        } catch (const eddy::Cancelled&) {
        }
        co_return 1;
    });
    CHECK(caught == 1);
}

EDDY_TEST_CASE("a cancellation from outside is not the token's business") {
    std::stop_source source;
    auto working = eddy::spawn(with_stop_token(source.get_token(), forever()));
    co_await settle();
    working.cancel();
    co_await working.wait();
    CHECK(working.state() == eddy::JobState::cancelled);
}

TEST_CASE("a stop may come from another thread") {
    for (int i = 0; i < 20; ++i) {
        std::stop_source source;
        std::thread stopper;
        const bool finished = eddy::run([](std::stop_source& stop, std::thread& out) -> Task<bool> {
            co_return co_await with_stop_token(
                stop.get_token(),
                [](std::stop_source& inner, std::thread& thread) -> Task<> {
                    thread = std::thread([&inner] { inner.request_stop(); });
                    co_await forever();
                },
                std::ref(stop),
                std::ref(out));
        }(source, stopper));
        CHECK_FALSE(finished);
        stopper.join();
    }
}

TEST_CASE("a stop from another thread may race with the end of the work and of the loop") {
    for (int i = 0; i < 50; ++i) {
        std::stop_source source;
        std::thread stopper;
        eddy::run([](std::stop_source& stop, std::thread& out) -> Task<> {
            static_cast<void>(co_await with_stop_token(
                stop.get_token(),
                [](std::stop_source& inner, std::thread& thread) -> Task<> {
                    thread = std::thread([&inner] { inner.request_stop(); });
                    co_await eddy::yield();
                },
                std::ref(stop),
                std::ref(out)));
        }(source, stopper));
        stopper.join();
    }
}

TEST_CASE("work under a token can be cancelled at any of its checkpoints") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        std::stop_source source;
        auto working = eddy::spawn(with_stop_token(source.get_token(), forever()));
        co_await eddy::yield();
        source.request_stop();
        static_cast<void>(co_await working);
    });
    CHECK(count >= 2);
}

// --- a scope stops a token ---------------------------------------------------------------------

namespace {

/// What foreign code would do with a token.
struct Foreign {
    std::stop_token token;
    int stops = 0;
    bool in_cancel = false;
    bool called_in_cancel = false;
};

Task<int> uses_token(std::stop_token token, Foreign& foreign, Gate& gate) {
    foreign.token = token;
    const std::stop_callback on_stop(std::move(token), [&foreign] {
        ++foreign.stops;
        foreign.called_in_cancel = foreign.in_cancel;
    });
    // Foreign code does not know of scopes: it ends when it has seen the stop.
    co_await eddy::shield([](Gate& opened) -> Task<> { co_await opened.wait(); }, std::ref(gate));
    co_return 7;
}

}  // namespace

EDDY_TEST_CASE("the token of a scope that is not cancelled is not stopped") {
    Foreign foreign;
    Gate gate;
    gate.open();
    const int value = co_await with_stop_source(uses_token, std::ref(foreign), std::ref(gate));
    CHECK(value == 7);
    CHECK_FALSE(foreign.token.stop_requested());
    CHECK(foreign.stops == 0);
}

EDDY_TEST_CASE("a cancelled scope stops the token soon, but not inside cancel") {
    Foreign foreign;
    Gate gate;
    auto working = eddy::spawn(with_stop_source(uses_token, std::ref(foreign), std::ref(gate)));
    co_await settle();
    CHECK_FALSE(foreign.token.stop_requested());
    foreign.in_cancel = true;
    working.cancel();
    foreign.in_cancel = false;
    co_await settle();
    CHECK(foreign.token.stop_requested());
    CHECK(foreign.stops == 1);
    CHECK_FALSE(foreign.called_in_cancel);
    CHECK_FALSE(working.done());
    gate.open();
    const int value = co_await working;
    CHECK(value == 7);
}

EDDY_TEST_CASE("a scope that is cancelled already gives a token that is stopped already") {
    eddy::CancelScope scope;
    scope.cancel();
    bool stopped = false;
    const bool finished = co_await eddy::with_scope(
        scope,
        [](bool& out) -> Task<> {
            co_await with_stop_source(
                [](std::stop_token token, bool& flag) -> Task<> {
                    flag = token.stop_requested();
                    co_return;
                },
                std::ref(out));
        },
        std::ref(stopped));
    CHECK(finished);
    CHECK(stopped);
}

EDDY_TEST_CASE("a timeout around it stops the token; the body's cancellation comes out as usual") {
    std::stop_token seen;
    const auto none = co_await eddy::move_on_after(
        1s,
        with_stop_source(
            [](std::stop_token token, std::stop_token& out) -> Task<int> {
                out = token;
                co_await forever();
                co_return 1;
            },
            std::ref(seen)));
    CHECK_FALSE(none.has_value());
    CHECK(seen.stop_requested());
}

EDDY_TEST_CASE("a token is not stopped when the body ends in the moment of the cancellation") {
    for (const bool throws : {false, true}) {
        std::stop_token token;
        eddy::CancelScope scope;
        auto working = eddy::spawn(
            [](eddy::CancelScope& around, std::stop_token& out, bool fails) -> Task<bool> {
                co_return co_await eddy::with_scope(around, [&]() -> Task<> {
                    try {
                        co_await with_stop_source([&](std::stop_token stop) -> Task<> {
                            out = stop;
                            co_await eddy::yield();
                            around.cancel();  // whoever watches cannot have run before the end
                            if (fails) {
                                throw std::runtime_error("by itself");
                            }
                        });
                    } catch (const std::runtime_error&) {
                    }
                });
            },
            std::ref(scope),
            std::ref(token),
            throws);
        co_await working;
        CHECK_FALSE(token.stop_requested());
    }
}

EDDY_TEST_CASE("a token is stopped when the body is cancelled, whoever runs first") {
    std::stop_token token;
    auto working = eddy::spawn(
        [](std::stop_token& out) -> Task<> {
            co_await with_stop_source(
                [](std::stop_token stop, std::stop_token& seen) -> Task<> {
                    seen = stop;
                    co_await forever();
                },
                std::ref(out));
        },
        std::ref(token));
    co_await settle();
    working.cancel();
    co_await working.wait();
    CHECK(token.stop_requested());
}

EDDY_TEST_CASE("a body that throws instead of returning its task lets its watcher go") {
    bool thrown = false;
    try {
        co_await with_stop_source(
            [](std::stop_token) -> Task<> { throw std::runtime_error("no task"); });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
}

EDDY_TEST_CASE("an exception of the body comes out raw") {
    bool thrown = false;
    try {
        co_await with_stop_source([](std::stop_token) -> Task<> {
            co_await eddy::yield();
            throw std::runtime_error("body");
        });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
}

EDDY_TEST_CASE("both bridges make a circle without end, but no trouble") {
    std::stop_source source;
    std::stop_token inner;
    auto working = eddy::spawn(with_stop_token(
        source.get_token(),
        [](std::stop_token& out) -> Task<> {
            co_await with_stop_source(
                [](std::stop_token token, std::stop_token& seen) -> Task<> {
                    seen = token;
                    co_await forever();
                },
                std::ref(out));
        },
        std::ref(inner)));
    co_await settle();
    source.request_stop();
    const bool finished = co_await working;
    CHECK_FALSE(finished);
    CHECK(inner.stop_requested());
}

TEST_CASE("a job with a stop source is destroyed with its watcher when it ignores the end") {
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.observer = &observer});
    Foreign foreign;
    Gate gate;
    loop.run(
        [](Foreign& out, Gate& closed) -> Task<> {
            eddy::spawn(with_stop_source(uses_token, std::ref(out), std::ref(closed))).detach();
            co_await eddy::yield();
            co_await eddy::yield();
        }(foreign, gate),
        {.grace = 1ms});
    CHECK(foreign.stops == 1);
    CHECK(observer.abandoned.size() == 1);
}

TEST_CASE("work with a stop source can be cancelled at any of its checkpoints") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        co_await with_stop_source([](std::stop_token) -> Task<> {
            co_await eddy::yield();
            co_await sleep_for(1s);
        });
    });
    CHECK(count >= 3);
}
