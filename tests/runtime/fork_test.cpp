// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/loop.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/stop_token.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "fork_kit.hpp"

// A process that forks while its loop runs, with no std::thread of its own: in the child the loop
// is not there, whatever it is asked, and the parent's goes on as if nothing had happened.

namespace {

using namespace std::chrono_literals;
using eddy::Loop;
using eddy::Task;
using eddy::testing::ChildResult;
using eddy::testing::fork_here;
using eddy::testing::Gate;
using eddy::testing::run_in_child;

Task<> never_answered(std::vector<eddy::Completion<int>>& kept) {
    static_cast<void>(co_await eddy::from_callback<int>(
        [&kept](eddy::Completion<int> given) { kept.push_back(std::move(given)); }));
}

/// Runs `body`, which forks; the child must see `InvalidState`, and then ends with `code()`.
template <class Body, class Code>
void run_forking(Body body, Code code) {
    const pid_t parent = getpid();
    try {
        body();
    } catch (const eddy::InvalidState& error) {
        if (getpid() != parent) {
            const bool says = std::string(error.what()).find("fork") != std::string::npos;
            _exit(says ? code() : 80);
        }
        throw;
    }
    if (getpid() != parent) {
        _exit(81);  // it returned
    }
}

}  // namespace

TEST_CASE("run is InvalidState in the child whose main job was the only one") {
    int code = -1;
    int value = 0;
    run_forking(
        [&] {
            value = eddy::run([](int& ended) -> Task<int> {
                pid_t child = 0;
                ended = fork_here(child);
                co_return 7;
            }(code));
        },
        [] { return 0; });
    CHECK(code == 0);
    CHECK(value == 7);
}

TEST_CASE("no other job runs in the child, ready or not, willing or woken") {
    const pid_t parent = getpid();
    int code = -1;
    int others = 0;
    int strangers = 0;
    const auto other = [&](Gate& gate) -> Task<> {
        while (true) {
            (getpid() == parent ? others : strangers) += 1;
            if (gate.is_open()) {
                co_return;
            }
            co_await eddy::yield();
        }
    };
    const auto woken = [&](Gate& gate) -> Task<> {
        co_await gate.wait();
        strangers += getpid() == parent ? 0 : 1;
    };
    const auto main = [&]() -> Task<> {
        Gate gate;
        Gate end;
        auto one = eddy::spawn(other(end));
        auto two = eddy::spawn(woken(gate));
        auto three = eddy::spawn(woken(gate));
        co_await eddy::yield();
        pid_t child = 0;
        code = fork_here(child);
        gate.open();  // in the child too: they are made ready, and stay so
        end.open();
        co_await eddy::yield();
        CHECK(getpid() == parent);
        co_await one;
        co_await two;
        co_await three;
    };
    run_forking([&] { eddy::run(main()); }, [&] { return strangers == 0 ? 0 : 1; });
    CHECK(code == 0);
    CHECK(others > 0);
}

TEST_CASE("nor what was posted, when a posted function forks; nor at the end of the loop") {
    for (const bool at_end : {false, true}) {
        const pid_t parent = getpid();
        int code = -1;
        int strangers = 0;
        int calls = 0;
        const auto main = [&]() -> Task<> {
            const eddy::LoopHandle handle = Loop::current().handle();
            CHECK(handle.post([&] {
                pid_t child = 0;
                code = fork_here(child);
            }));
            CHECK(handle.post([&] { (getpid() == parent ? calls : strangers) += 1; }));
            if (!at_end) {
                co_await eddy::sleep_for(1ms);
            }
        };
        run_forking([&] { eddy::run(main()); }, [&] { return strangers == 0 ? 0 : 1; });
        CHECK(code == 0);
        CHECK(calls == 1);
    }
}

TEST_CASE("nor what is left when the grace is over, if one of them forks then") {
    const pid_t parent = getpid();
    int code = -1;
    int strangers = 0;
    std::vector<eddy::Completion<int>> completions;
    const auto last_words = [&](bool forks) -> Task<> {
        try {
            co_await eddy::shield(never_answered(completions));
        } catch (const eddy::LoopClosed&) {
            if (forks) {
                pid_t child = 0;
                code = fork_here(child);
            } else {
                strangers += getpid() == parent ? 0 : 1;
            }
        }
    };
    const auto main = [&]() -> Task<> {
        eddy::spawn(last_words(true));
        eddy::spawn(last_words(false));
        co_await eddy::yield();
    };
    run_forking([&] { eddy::run(main(), {.grace = 0s}); }, [&] { return strangers == 0 ? 0 : 1; });
    CHECK(code == 0);
}

TEST_CASE("a loop that never ran may be given up by a child that a post of its has made") {
    int code = -1;
    pid_t child = -1;
    {
        Loop loop;
        CHECK(loop.post([&] { code = fork_here(child); }));
    }
    if (child == 0) {
        _exit(0);
    }
    CHECK(code == 0);
}

TEST_CASE("handles, completions and stop requests are refused in a child, and wake nobody") {
    const auto main = []() -> Task<> {
        const eddy::LoopHandle handle = Loop::current().handle();
        eddy::CancelScope scope;
        const eddy::CancelHandle cancel = scope.handle();
        std::stop_source stop;
        std::optional<eddy::Completion<int>> completion;
        auto stopped = eddy::spawn(
            [](std::stop_token token) -> Task<bool> {
                const bool done = co_await eddy::with_stop_token(
                    std::move(token), []() -> Task<> { co_await eddy::sleep_forever(); });
                co_return done;
            },
            stop.get_token());
        auto waiting = eddy::spawn(
            [](std::optional<eddy::Completion<int>>& out) -> Task<int> {
                co_return co_await eddy::from_callback<int>(
                    [&out](eddy::Completion<int> given) { out.emplace(std::move(given)); });
            },
            std::ref(completion));
        while (!completion) {
            co_await eddy::yield();
        }
        co_await eddy::yield();
        const ChildResult child = run_in_child([&] {
            stop.request_stop();  // returns
            return handle.post([] {})       ? 1
                   : !handle.closed()       ? 2
                   : cancel.cancel()        ? 3
                   : completion->resolve(1) ? 4
                                            : 0;
        });
        CHECK_MESSAGE(child.exit_code == 0, child.exit_code << ": " << child.errors);
        co_await eddy::yield();
        CHECK_FALSE(scope.cancel_called());
        CHECK_FALSE(waiting.done());
        CHECK_FALSE(stopped.done());
        CHECK(completion->resolve(7));
        const int value = co_await waiting;
        CHECK(value == 7);
        stop.request_stop();
        const bool done = co_await stopped;
        CHECK_FALSE(done);
    };
    eddy::run(main());
}

TEST_CASE("a failure that nobody has collected is the parent's to report, and not its child's") {
    const auto main = []() -> Task<> {
        std::optional<eddy::JoinHandle<void>> job = eddy::spawn([]() -> Task<> {
            throw std::runtime_error("of the parent");
            co_return;
        });
        while (!job->done()) {
            co_await eddy::yield();
        }
        const ChildResult child = run_in_child([&job] {
            job.reset();
            return 0;
        });
        CHECK(child.exit_code == 0);
        CHECK(child.errors.empty());
        bool collected = false;
        try {
            co_await *job;
        } catch (const std::runtime_error&) {
            collected = true;
        }
        CHECK(collected);
    };
    eddy::run(main());
}

TEST_CASE("a signal that a child gets is none of its parent's") {
    const auto main = []() -> Task<int> {
        eddy::SignalSet signals{SIGUSR1};
        eddy::SignalSet more{SIGUSR1, SIGUSR2};
        const ChildResult child = run_in_child([] {
            raise(SIGUSR1);  // the handler is inherited
            raise(SIGUSR2);
            return eddy::run([]() -> Task<int> {
                eddy::SignalSet own{SIGUSR1};
                raise(SIGUSR1);
                const int number = co_await own.next();
                co_return number == SIGUSR1 ? 0 : 1;
            }());
        });
        CHECK_MESSAGE(child.exit_code == 0, child.errors << " (signal " << child.signal << ")");
        co_await eddy::sleep_for(1ms);  // a poll, at least
        CHECK(signals.statistics().received == 0);
        CHECK(more.statistics().received == 0);
        raise(SIGUSR1);
        const int number = co_await signals.next();
        co_return number;
    };
    CHECK(eddy::run(main()) == SIGUSR1);
}

TEST_CASE("a child that is asked to end does not end its parent's loop") {
    const auto main = []() -> Task<int> {
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            raise(SIGTERM);
            raise(SIGINT);
            _exit(7);
        }
        int status = 0;
        waitpid(child, &status, 0);
        co_await eddy::sleep_for(1ms);  // a checkpoint, after a poll
        co_return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    };
    CHECK(eddy::run(main(), {.handle_signals = true}) == 7);
}
