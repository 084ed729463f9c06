// SPDX-License-Identifier: MIT
#include <eddy/from_callback.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Abort;
using eddy::Completion;
using eddy::from_callback;
using eddy::Task;

[[nodiscard]] std::exception_ptr error(const char* text) {
    return std::make_exception_ptr(std::runtime_error(text));
}

/// A foreign API with one operation at a time.
template <class T>
class Api final {
public:
    int aborts = 0;
    std::optional<Completion<T>> pending;

    Task<T> call() {
        co_return co_await from_callback<T>([this](Completion<T> done) { pending = done; });
    }
    Task<T> abortable_call(Abort answer) {
        co_return co_await from_callback<T>([this](Completion<T> done) { pending = done; },
                                            [this, answer] {
                                                ++aborts;
                                                return answer;
                                            });
    }
};

/// The others run, and the loop makes its own calls. (Not `settle`: time and it stand still while a
/// callback is awaited.)
Task<> let_run() {
    for (int i = 0; i < 3; ++i) {
        eddy::testing::Gate gate;
        eddy::call_later(0s, [&gate] { gate.open(); });
        co_await gate.wait();
    }
}

template <class T>
Task<std::string> how(Task<T> task) {
    std::string text = "finished";
    try {
        static_cast<void>(co_await std::move(task));
    } catch (const eddy::Cancelled&) {
        text = "cancelled";
    } catch (const std::exception& failure) {
        text = failure.what();
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("the callback's value is the result") {
    Api<std::string> api;
    auto waiting = eddy::spawn(api.call());
    co_await let_run();
    CHECK_FALSE(waiting.done());
    CHECK(api.pending->resolve("answer"));
    const std::string answer = co_await waiting;
    CHECK(answer == "answer");
}

EDDY_TEST_CASE("results may be void, move-only or references") {
    co_await from_callback<void>([](Completion<void> done) { done.resolve(); });
    const auto owned = co_await from_callback<std::unique_ptr<int>>(
        [](Completion<std::unique_ptr<int>> done) { done.resolve(std::make_unique<int>(7)); });
    CHECK(*owned == 7);
    std::string text = "there";
    std::string& same = co_await from_callback<std::string&>(
        [&text](Completion<std::string&> done) { done.resolve(text); });
    CHECK(&same == &text);
}

EDDY_TEST_CASE("only the first completion counts") {
    Api<int> api;
    auto waiting = eddy::spawn(api.call());
    co_await let_run();
    CHECK(api.pending->resolve(1));
    CHECK_FALSE(api.pending->resolve(2));
    CHECK_FALSE(api.pending->fail(error("late")));
    const int value = co_await waiting;
    CHECK(value == 1);
    CHECK_FALSE(api.pending->resolve(3));
}

EDDY_TEST_CASE("a failure of the callback comes out") {
    Api<int> api;
    auto waiting = eddy::spawn(how(api.call()));
    co_await let_run();
    api.pending->fail(error("broken pipe"));
    const std::string result = co_await waiting;
    CHECK(result == "broken pipe");
    CHECK_THROWS_AS(api.pending->fail(nullptr), std::invalid_argument);
}

EDDY_TEST_CASE("dropping every completion breaks the wait") {
    Api<int> api;
    auto waiting = eddy::spawn(api.call());
    co_await let_run();
    auto copy = api.pending;
    api.pending.reset();
    co_await let_run();
    CHECK_FALSE(waiting.done());
    copy.reset();
    bool broken = false;
    try {
        static_cast<void>(co_await waiting);
    } catch (const eddy::BrokenResource&) {
        broken = true;
    }
    CHECK(broken);
}

EDDY_TEST_CASE("what the start function throws comes out, even after it has resolved") {
    const std::string first = co_await how([]() -> Task<int> {
        co_return co_await from_callback<int>(
            [](Completion<int>) { throw std::runtime_error("no connection"); });
    }());
    CHECK(first == "no connection");
    const std::string second = co_await how([]() -> Task<int> {
        co_return co_await from_callback<int>([](Completion<int> done) {
            done.resolve(1);
            throw std::runtime_error("changed my mind");
        });
    }());
    CHECK(second == "changed my mind");
}

EDDY_TEST_CASE("an exception of the value's move is what the wait throws") {
    struct Grumpy {
        Grumpy() = default;
        Grumpy(const Grumpy&) { throw std::runtime_error("not copied"); }
    };
    const std::string result = co_await how([]() -> Task<> {
        co_await from_callback<Grumpy>([](Completion<Grumpy> done) {
            const Grumpy value;
            done.resolve(value);
        });
    }());
    CHECK(result == "not copied");
}

// --- cancellation ------------------------------------------------------------------------------

EDDY_TEST_CASE("without an abort function a cancelled wait goes on and returns its result") {
    Api<int> api;
    int value = 0;
    bool next_cancelled = false;
    auto waiting = eddy::spawn(
        [](Api<int>& called, int& out, bool& cancelled) -> Task<> {
            out = co_await called.call();
            try {
                co_await eddy::checkpoint();
            } catch (const eddy::Cancelled&) {
                cancelled = true;
                throw;
            }
        },
        std::ref(api),
        std::ref(value),
        std::ref(next_cancelled));
    co_await let_run();
    waiting.cancel();
    co_await let_run();
    CHECK_FALSE(waiting.done());
    api.pending->resolve(5);
    co_await waiting.wait();
    CHECK(value == 5);
    CHECK(next_cancelled);
}

EDDY_TEST_CASE("the abort function is called once, and never inside cancel") {
    Api<int> api;
    auto waiting = eddy::spawn(api.abortable_call(Abort::requested));
    co_await let_run();
    waiting.cancel();
    CHECK(api.aborts == 0);
    waiting.cancel();
    co_await let_run();
    CHECK(api.aborts == 1);
    CHECK_FALSE(waiting.done());
    api.pending->fail(error("operation aborted"));
    co_await waiting.wait();
    CHECK(waiting.state() == eddy::JobState::cancelled);
}

EDDY_TEST_CASE("an aborted operation that has happened all the same returns its value") {
    Api<int> api;
    auto waiting = eddy::spawn(api.abortable_call(Abort::requested));
    co_await let_run();
    waiting.cancel();
    co_await let_run();
    api.pending->resolve(3);
    const int value = co_await waiting;
    CHECK(value == 3);
}

EDDY_TEST_CASE("an aborted operation whose completions are dropped was cancelled") {
    Api<int> api;
    auto waiting = eddy::spawn(api.abortable_call(Abort::requested));
    co_await let_run();
    waiting.cancel();
    co_await let_run();
    api.pending.reset();
    co_await waiting.wait();
    CHECK(waiting.state() == eddy::JobState::cancelled);
}

EDDY_TEST_CASE("an abort that has undone the operation ends the wait at once") {
    Api<int> api;
    auto waiting = eddy::spawn(api.abortable_call(Abort::done));
    co_await let_run();
    waiting.cancel();
    co_await waiting.wait();
    CHECK(waiting.state() == eddy::JobState::cancelled);
    CHECK(api.pending->resolve(1));  // nobody minds
}

EDDY_TEST_CASE("a completion in the same turn saves the operation from the abort") {
    Api<int> api;
    auto waiting = eddy::spawn(api.abortable_call(Abort::done));
    co_await let_run();
    waiting.cancel();
    api.pending->resolve(4);
    const int value = co_await waiting;
    CHECK(value == 4);
    CHECK(api.aborts == 0);
}

EDDY_TEST_CASE("an abort function may complete the operation itself, or throw") {
    auto& failures = eddy::testing::expected_failures();
    std::optional<Completion<int>> pending;
    bool throws = false;
    const auto call = [](std::optional<Completion<int>>& slot, bool& fail) -> Task<int> {
        co_return co_await from_callback<int>([&slot](Completion<int> done) { slot = done; },
                                              [&slot, &fail] {
                                                  if (fail) {
                                                      throw std::runtime_error("abort failed");
                                                  }
                                                  slot->fail(error("aborted"));
                                              });
    };
    auto waiting = eddy::spawn(call, std::ref(pending), std::ref(throws));
    co_await let_run();
    waiting.cancel();
    co_await waiting.wait();
    CHECK(waiting.state() == eddy::JobState::cancelled);
    CHECK(failures.empty());

    throws = true;
    auto again = eddy::spawn(call, std::ref(pending), std::ref(throws));
    co_await let_run();
    again.cancel();
    co_await let_run();
    CHECK(failures.size() == 1);
    CHECK_FALSE(again.done());
    pending->resolve(1);
    const int value = co_await again;
    CHECK(value == 1);
}

EDDY_TEST_CASE("a cancelled job does not start the operation") {
    Api<int> api;
    auto waiting = eddy::spawn(api.call());
    waiting.cancel();
    co_await waiting.wait();
    CHECK_FALSE(api.pending.has_value());
}

EDDY_TEST_CASE("a callback that loses a select is aborted and its result dropped") {
    eddy::testing::Gate gate;
    std::optional<Completion<int>> pending;
    int aborts = 0;
    auto selecting = eddy::spawn(
        [](eddy::testing::Gate& other,
           std::optional<Completion<int>>& slot,
           int& count) -> Task<std::size_t> {
            const auto got = co_await eddy::select(
                from_callback<int>([&slot](Completion<int> done) { slot = done; },
                                   [&count] { ++count; }),
                other.wait());
            co_return got.index();
        },
        std::ref(gate),
        std::ref(pending),
        std::ref(aborts));
    co_await let_run();
    gate.open();
    co_await let_run();
    CHECK(aborts == 1);
    CHECK_FALSE(selecting.done());
    pending->resolve(1);
    const std::size_t winner = co_await selecting;
    CHECK(winner == 1);
}

// --- threads and ends --------------------------------------------------------------------------

EDDY_TEST_CASE("a completion may come from another thread") {
    for (int i = 0; i < 20; ++i) {
        std::thread worker;
        const std::string text =
            co_await from_callback<std::string>([&worker](Completion<std::string> done) {
                worker = std::thread([answer = std::move(done)] { answer.resolve("from afar"); });
            });
        CHECK(text == "from afar");
        worker.join();
    }
}

EDDY_TEST_CASE("threads may race to complete; one of them wins") {
    std::thread workers[3];
    const int value = co_await from_callback<int>([&workers](const Completion<int>& done) {
        workers[0] = std::thread([done] { done.resolve(0); });
        workers[1] = std::thread([done] { done.resolve(1); });
        workers[2] = std::thread([copy = done] { static_cast<void>(copy); });
    });
    CHECK((value == 0 || value == 1));
    for (std::thread& worker : workers) {
        worker.join();
    }
}

EDDY_TEST_CASE("the last completion may be dropped by another thread") {
    std::thread worker;
    std::string result = co_await how([](std::thread& out) -> Task<int> {
        co_return co_await from_callback<int>([&out](Completion<int> done) {
            out = std::thread([dropped = std::move(done)] { static_cast<void>(dropped); });
        });
    }(worker));
    CHECK(result.find("dropped") != std::string::npos);
    worker.join();
}

TEST_CASE("the end of the loop's grace cuts a callback off with LoopClosed") {
    eddy::testing::RecordingObserver observer;
    std::optional<Completion<std::shared_ptr<int>>> pending;
    std::string result;
    {
        eddy::Loop loop({.observer = &observer});
        loop.run(
            [](std::optional<Completion<std::shared_ptr<int>>>& slot, std::string& out) -> Task<> {
                eddy::spawn(
                    [](std::optional<Completion<std::shared_ptr<int>>>& kept,
                       std::string& text) -> Task<> {
                        try {
                            co_await from_callback<std::shared_ptr<int>>(
                                [&kept](Completion<std::shared_ptr<int>> done) { kept = done; });
                        } catch (const eddy::LoopClosed&) {
                            text = "closed";
                        }
                    },
                    std::ref(slot),
                    std::ref(out))
                    .detach();
                co_await eddy::yield();
                co_await eddy::yield();
            }(pending, result),
            {.grace = 0s});
    }
    CHECK(result == "closed");
    CHECK(observer.abandoned.size() == 1);
    auto value = std::make_shared<int>(1);
    CHECK_FALSE(pending->resolve(value));
    pending.reset();
    CHECK(value.use_count() == 1);
}

TEST_CASE("a completion on another thread may race with the loop's end") {
    for (int i = 0; i < 50; ++i) {
        eddy::testing::RecordingObserver observer;
        std::thread worker;
        {
            eddy::Loop loop({.observer = &observer});
            loop.run(
                [](std::thread& out) -> Task<> {
                    eddy::spawn(
                        [](std::thread& thread) -> Task<> {
                            try {
                                co_await from_callback<int>([&thread](Completion<int> done) {
                                    thread = std::thread([d = std::move(done)] { d.resolve(1); });
                                });
                            } catch (const eddy::LoopClosed&) {
                            }
                        },
                        std::ref(out))
                        .detach();
                    co_await eddy::yield();
                    co_await eddy::yield();
                }(worker),
                {.grace = 0s});
        }
        worker.join();
        CHECK(observer.failures.empty());
    }
}
