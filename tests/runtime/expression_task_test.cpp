// SPDX-License-Identifier: MIT
// Wrapped operations that are temporaries: what can be done with them in their expression. What
// cannot be done does not compile: tests/lint/must_not_compile.
#include <eddy/detail/expression_task.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <eddy/await_result.hpp>
#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/race.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::settle;

/// Gives its text after a while. The text lies in the operation, on the heap: whoever reads it
/// after the operation has ended is caught.
class Tells final : public eddy::QueuedWaiter {
public:
    explicit Tells(std::string text) : text_(std::make_unique<std::string>(std::move(text))) {
        ++alive;
    }
    ~Tells() override { --alive; }
    [[nodiscard]] bool try_now() const noexcept { return true; }
    void start() noexcept {}
    [[nodiscard]] std::string& take() const noexcept { return *text_; }
    [[nodiscard]] const char* what() const noexcept override { return "Tells"; }

    static inline int alive = 0;

private:
    std::unique_ptr<std::string> text_;
};

/// What a handle makes: it looks where the handle was when it was made.
template <class T>
class Looks final : public eddy::QueuedWaiter {
public:
    explicit Looks(const T& there) noexcept : there_(there) {}
    [[nodiscard]] bool try_now() const noexcept { return true; }
    void start() noexcept {}
    [[nodiscard]] T take() const { return there_; }
    [[nodiscard]] const char* what() const noexcept override { return "Looks"; }

private:
    const T& there_;
};

/// A handle that can be moved.
class Teller final {
public:
    explicit Teller(std::string text) : text_(std::move(text)) {}
    [[nodiscard]] Looks<std::string> operator co_await() const { return Looks<std::string>(text_); }

private:
    std::string text_;
};

/// One that cannot: it has to live where it is.
class Pinned final {
public:
    explicit Pinned(int number) : number_(number) {}
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    [[nodiscard]] Looks<int> operator co_await() const { return Looks<int>(number_); }

private:
    int number_;
};

Tells tells(std::string text) { return Tells(std::move(text)); }
const std::string long_text = "a text that is too long for a small string";

Task<int> number(int value) {
    co_await eddy::sleep_for(1ms);
    co_return value;
}

template <class A>
constexpr bool is_task = eddy::detail::is_task<A>;
template <class A>
constexpr bool ends = eddy::detail::is_expression_task<A>;

}  // namespace

TEST_CASE("what wraps a temporary operation is no task, what wraps anything else is") {
    Gate gate;
    auto wait = gate.wait();
    eddy::CancelScope* scope = nullptr;
    CHECK(ends<decltype(eddy::fail_after(1s, gate.wait()))>);
    CHECK(ends<decltype(eddy::fail_at(eddy::never, gate.wait()))>);
    CHECK(ends<decltype(eddy::move_on_after(1s, gate.wait()))>);
    CHECK(ends<decltype(eddy::move_on_at(eddy::never, gate.wait()))>);
    CHECK(ends<decltype(eddy::shield(gate.wait()))>);
    CHECK(ends<decltype(eddy::with_scope(*scope, gate.wait()))>);
    CHECK(ends<decltype(eddy::fail_after(1s, std::move(wait)))>);
    CHECK(ends<decltype(eddy::fail_after(1s, Pinned(1)))>);
    CHECK(ends<decltype(eddy::shield(eddy::fail_after(1s, gate.wait())))>);
    CHECK(ends<decltype(eddy::gather(number(1), eddy::fail_after(1s, gate.wait())))>);

    CHECK(is_task<decltype(eddy::fail_after(1s, wait))>);
    CHECK(is_task<decltype(eddy::with_scope(*scope, wait))>);
    CHECK(is_task<decltype(eddy::fail_after(1s, number(1)))>);
    CHECK(is_task<decltype(eddy::fail_after(1s, number, 1))>);
    CHECK(is_task<decltype(eddy::fail_after(1s, Teller("a")))>);
    CHECK(is_task<decltype(eddy::with_scope(*scope, Teller("a")))>);
    CHECK(is_task<decltype(eddy::gather(number(1), eddy::fail_after(1s, wait)))>);
    const Teller teller("a");
    CHECK(is_task<decltype(eddy::fail_after(1s, teller))>);

    CHECK(eddy::AwaitsTo<decltype(eddy::move_on_after(1s, gate.wait())), bool>);
    CHECK(eddy::AwaitsTo<decltype(eddy::fail_after(1s, Pinned(1))), int>);
    CHECK(eddy::AwaitsTo<decltype(eddy::fail_after(1s, tells("a"))), std::string&>);
}

EDDY_TEST_CASE("a wrapped temporary lives until the whole expression has ended") {
    const std::string text = co_await eddy::fail_after(1s, tells(long_text));
    CHECK(text == long_text);
    const auto length = (co_await eddy::fail_after(1s, tells(long_text))).size();
    CHECK(length == long_text.size());
    const std::string late = **co_await eddy::move_on_after(1s, tells(long_text));
    CHECK(late == long_text);
    const int pinned = co_await eddy::shield(Pinned(5));
    CHECK(pinned == 5);
    CHECK(Tells::alive == 0);
}

EDDY_TEST_CASE("wrappers nest in one expression") {
    const std::string text =
        co_await eddy::fail_after(1s, eddy::shield(eddy::fail_at(eddy::never, tells(long_text))));
    CHECK(text == long_text);

    Gate gate;
    eddy::CancelScope scope;
    const auto inner = co_await eddy::move_on_after(2s, eddy::move_on_after(1s, gate.wait()));
    CHECK(inner == std::optional(false));
    const auto outer = co_await eddy::move_on_after(1s, eddy::move_on_after(2s, gate.wait()));
    CHECK_FALSE(outer);
    const auto scoped = co_await eddy::with_scope(
        scope, eddy::move_on_at(eddy::never, eddy::fail_after(1s, tells(long_text))));
    CHECK(scoped.has_value());
    CHECK(gate.waiters() == 0);
    CHECK(Tells::alive == 0);
}

EDDY_TEST_CASE("combinators take wrapped temporaries beside tasks") {
    Gate gate;
    {
        const auto [text, seven, open] =
            co_await eddy::gather(eddy::fail_after(1s, tells(long_text)),
                                  number(7),
                                  eddy::move_on_after(1s, gate.wait()));
        CHECK(seven == 7);
        CHECK_FALSE(open);
    }
    {
        const auto [text, open] = co_await eddy::gather_settled(eddy::shield(Pinned(3)),
                                                                eddy::fail_after(1s, gate.wait()));
        CHECK(text.has_value());
        CHECK_FALSE(open.has_value());
        CHECK(eddy::testing::holds<eddy::TimedOut>(open.error()));
    }
    const auto first = co_await eddy::race(eddy::move_on_after(1h, gate.wait()), number(4));
    CHECK(std::get<1>(first) == 4);
    const bool opened = co_await eddy::race(eddy::move_on_after(2s, gate.wait()),
                                            eddy::move_on_after(1s, gate.wait()));
    CHECK_FALSE(opened);
    const auto nested = co_await eddy::fail_after(
        5s, eddy::gather(eddy::race(eddy::shield(Pinned(1)), number(2)), number(3)));
    CHECK(nested == std::tuple(1, 3));
    CHECK(gate.waiters() == 0);
    CHECK(Tells::alive == 0);
}

EDDY_TEST_CASE("cleanups and stop tokens take wrapped temporaries") {
    Gate gate;
    bool cleaned = false;
    const auto cleanup = [&cleaned]() -> Task<> {
        cleaned = true;
        co_return;
    };
    const int both = co_await eddy::with_cleanup(eddy::shield(Pinned(1)), cleanup);
    CHECK(both == 1);
    CHECK(cleaned);
    const int late = co_await eddy::with_cleanup(number(2), eddy::move_on_after(1s, gate.wait()));
    CHECK(late == 2);
    const int two =
        co_await eddy::with_cleanup(eddy::shield(Pinned(3)), eddy::move_on_after(1s, gate.wait()));
    CHECK(two == 3);

    std::stop_source stop;
    const auto value = co_await eddy::with_stop_token(stop.get_token(), eddy::shield(Pinned(4)));
    CHECK(value == 4);
    stop.request_stop();
    const auto none =
        co_await eddy::with_stop_token(stop.get_token(), eddy::fail_after(1h, gate.wait()));
    CHECK_FALSE(none);
    const auto outcome = co_await eddy::detail::outcome_of(eddy::fail_after(1s, gate.wait()));
    CHECK(eddy::testing::holds<eddy::TimedOut>(outcome.error()));
    CHECK(gate.waiters() == 0);
}

EDDY_TEST_CASE("a handle that is a temporary is kept, also by a job") {
    const std::string text = co_await eddy::spawn(
        [](Task<std::string> told) -> Task<std::string> { co_return co_await std::move(told); },
        eddy::fail_after(1s, Teller(long_text)));
    CHECK(text == long_text);
    auto task = eddy::fail_after(1s, eddy::spawn(number(6)));
    const int six = co_await std::move(task);
    CHECK(six == 6);
    const int seven = co_await eddy::with_cleanup(eddy::spawn(number(7)), number(0));
    CHECK(seven == 7);
}

EDDY_TEST_CASE("an operation that has a name may be wrapped, spawned and wrapped again") {
    Gate gate;
    auto wait = gate.wait();
    auto job = eddy::spawn(eddy::move_on_after(1s, wait));
    const bool early = co_await job;
    CHECK_FALSE(early);
    gate.open();
    Task<bool> again = eddy::move_on_after(1s, wait);
    const bool open = co_await std::move(again);
    CHECK(open);
}

EDDY_TEST_CASE("a select of temporaries is awaited in its expression, however deep inside it") {
    Gate gate;
    const auto direct = co_await eddy::select(gate.wait(), tells(long_text));
    CHECK(direct.index() == 1);
    const auto wrapped =
        co_await eddy::fail_after(1s, eddy::select(gate.wait(), eddy::sleep_for(1ms)));
    CHECK(wrapped.index() == 1);
    const auto nested =
        co_await eddy::select(eddy::select(gate.wait(), eddy::sleep_for(1ms)), eddy::sleep_for(1h));
    CHECK(nested.index() == 0);
    CHECK(std::get<0>(nested).index() == 1);
    const auto gathered = co_await eddy::gather(
        eddy::fail_after(1s, eddy::select(gate.wait(), eddy::sleep_for(1ms))), number(1));
    CHECK(std::get<0>(gathered).index() == 1);
    CHECK(gate.waiters() == 0);
}

EDDY_TEST_CASE("a select of operations that have names may have one too") {
    Gate first;
    Gate second;
    auto one = first.wait();
    auto two = second.wait();
    auto either = eddy::select(one, two);
    const bool early = co_await eddy::move_on_after(1s, either) != std::nullopt;
    CHECK_FALSE(early);
    second.open();
    const auto late = co_await either;
    CHECK(late.index() == 1);
    auto three = first.wait();
    auto nested = eddy::select(either, three);
    const auto deep = co_await nested;
    CHECK(deep.index() == 0);
}

EDDY_TEST_CASE(
    "a select keeps handles that are temporaries, and does not move from those with names") {
    Gate gate;
    auto wait = gate.wait();
    const auto told = co_await eddy::select(wait, Teller(long_text));
    CHECK(std::get<1>(told) == long_text);
    auto job = eddy::spawn(number(8));
    const auto ended = co_await eddy::select(wait, job);
    CHECK(std::get<1>(ended) == 8);
    CHECK(job.done());
    const auto pinned = co_await eddy::select(gate.wait(), Pinned(9));
    CHECK(std::get<1>(pinned) == 9);
}

TEST_CASE("a program may be a wrapped temporary: it runs within the expression") {
    CHECK(eddy::run(eddy::shield(Pinned(2))) == 2);
    CHECK_FALSE(eddy::run(eddy::move_on_after(1ms, eddy::sleep_forever())));
    eddy::Loop loop;
    CHECK(loop.run(eddy::fail_after(1s, tells(long_text))) == long_text);
}

TEST_CASE("a wrapped temporary goes with the frame that awaits it, and with its combinators") {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    Gate gate;
    loop.run(
        [](Gate& closed) -> Task<> {
            eddy::spawn([](Gate& g) -> Task<> { co_await eddy::shield(g.wait()); },
                        std::ref(closed))
                .detach();
            eddy::spawn(
                [](Gate& g) -> Task<> {
                    static_cast<void>(co_await eddy::gather(
                        eddy::shield(eddy::gather(eddy::shield(g.wait()), eddy::shield(g.wait()))),
                        eddy::shield(eddy::select(g.wait(), eddy::sleep_forever()))));
                },
                std::ref(closed))
                .detach();
            co_await eddy::testing::let_run(8);
            CHECK(closed.waiters() == 4);
        }(gate),
        {.grace = 1ms});
    CHECK(gate.waiters() == 0);
    CHECK(observer.abandoned.size() == 6);
    CHECK(loop.statistics().jobs_alive == 0);
}
