// SPDX-License-Identifier: MIT
#include <memory>
#include <thread>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/task.hpp>

#include "explore.hpp"
#include "loop.hpp"

using eddy::Completion;
using Value = std::unique_ptr<int>;  // somebody has to free it, once

namespace {

/// A wait, and two threads that may end it.
struct Wait {
    std::thread a;
    std::thread b;
    int value = 0;
    int broken = 0;
    int cancelled = 0;

    void join() {
        a.join();
        b.join();
    }
    [[nodiscard]] int ended() const { return (value != 0 ? 1 : 0) + broken + cancelled; }
};

void resolve(const Completion<Value>& done, int value, bool& accepted) {
    accepted = done.resolve(std::make_unique<int>(value));
}

/// `start(completion)` begins it; with `abortable`, cancellation undoes it at once.
template <class Start>
eddy::Task<void> await(Wait& wait, Start start, bool abortable) {
    const auto undo = [] { return eddy::Abort::done; };
    try {
        if (abortable) {
            const Value value = co_await eddy::from_callback<Value>(start, undo);
            wait.value = *value;
        } else {
            const Value value = co_await eddy::from_callback<Value>(start);
            wait.value = *value;
        }
    } catch (const eddy::BrokenResource&) {
        ++wait.broken;
    } catch (const eddy::Cancelled&) {
        ++wait.cancelled;
        throw;
    }
}

}  // namespace

EXPLORE("callback: the first of two completions is the result") {
    CoreLoop loop;
    Wait wait;
    bool first = false;
    bool second = false;
    const auto start = [&](Completion<Value> done) {
        wait.a = std::thread([done, &first] { resolve(done, 1, first); });
        wait.b = std::thread([done, &second] { resolve(done, 2, second); });
    };
    loop.spawn([&] { return await(wait, start, false); });
    loop.run();
    loop.end();
    wait.join();
    explore::check(first != second, "one of them is accepted");
    explore::check(wait.value == (first ? 1 : 2), "and that is the one");
}

EXPLORE("callback: all completions are dropped") {
    CoreLoop loop;
    Wait wait;
    const auto start = [&](Completion<Value> done) {
        wait.a = std::thread([kept = done]() mutable { const auto dropped = std::move(kept); });
        wait.b = std::thread([kept = done]() mutable { const auto dropped = std::move(kept); });
    };
    loop.spawn([&] { return await(wait, start, false); });
    loop.run();
    loop.end();
    wait.join();
    explore::check(wait.broken == 1, "told once");
}

EXPLORE("callback: a completion against cancellation, and the end of the loop") {
    CoreLoop loop;
    Wait wait;
    bool first = false;
    bool second = false;
    const auto start = [&](Completion<Value> done) {
        wait.a = std::thread([done, &first] { resolve(done, 1, first); });
        wait.b = std::thread([done, &second] { resolve(done, 2, second); });
    };
    loop.spawn([&] { return await(wait, start, true); });
    loop.core().run_turn();
    loop.cancel();
    loop.run();
    loop.end();
    wait.join();
    explore::check(wait.ended() == 1, "it ends once");
    explore::check(wait.value != 1 || first, "what comes was accepted");
    explore::check(wait.value != 2 || second, "what comes was accepted");
}
