// SPDX-License-Identifier: MIT
#include <eddy/os/signal_set.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/awaiting.hpp>
#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "child_process.hpp"
#include "heap_hooks.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::SignalSet;
using eddy::Task;
using eddy::testing::settle;

/// The loop sees a signal in one of the next polls; another set says when.
Task<> until_seen(SignalSet& set, std::uint64_t received) {
    while (set.statistics().received < received) {
        co_await eddy::yield();
    }
}

Task<> collect(SignalSet& set, std::vector<int>& numbers) {
    const int number = co_await set.next();
    numbers.push_back(number);
}

class SignalFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;  // the loop has to look
    explicit SignalFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return set_.next(); }
    Task<> wait() {
        const int number = co_await set_.next();
        CHECK(number == SIGUSR1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { std::raise(SIGUSR1); }
    bool intact() const { return set_.statistics().waiters == 0; }

private:
    SignalSet set_{SIGUSR1};
};

}  // namespace

EDDY_WAIT_MATRIX("SignalSet::next", SignalFixture)

EDDY_TEST_CASE("a signal goes to the job that waits for it") {
    SignalSet signals{SIGUSR1, SIGUSR2};
    std::vector<int> numbers;
    auto waiting = eddy::spawn(collect(signals, numbers));
    co_await settle();
    CHECK(signals.statistics().waiters == 1);
    std::raise(SIGUSR2);
    CHECK(numbers.empty());
    co_await waiting;
    CHECK(numbers == std::vector<int>{SIGUSR2});
    CHECK(signals.statistics().received == 1);
    CHECK(signals.statistics().pending == 0);
}

EDDY_TEST_CASE("signals that nobody waits for are kept, one of each number, in order") {
    SignalSet signals{SIGUSR1, SIGUSR2, SIGUSR1};
    std::raise(SIGUSR2);
    co_await until_seen(signals, 1);
    std::raise(SIGUSR1);
    co_await until_seen(signals, 2);
    std::raise(SIGUSR2);
    co_await until_seen(signals, 3);
    CHECK(signals.statistics().pending == 2);
    CHECK(signals.statistics().coalesced == 1);
    const int first = co_await signals.next();
    const int second = co_await signals.next();
    CHECK(first == SIGUSR2);
    CHECK(second == SIGUSR1);
    const auto none = co_await eddy::select(signals.next(), eddy::sleep_for(1s));
    CHECK(none.index() == 1);
}

EDDY_TEST_CASE("every set is told of a signal, and within a set one waiter") {
    SignalSet one{SIGUSR1};
    SignalSet other{SIGUSR1, SIGUSR2};
    std::vector<int> numbers;
    auto a = eddy::spawn(collect(one, numbers));
    auto b = eddy::spawn(collect(one, numbers));
    auto c = eddy::spawn(collect(other, numbers));
    co_await settle();
    std::raise(SIGUSR1);
    co_await until_seen(one, 1);
    co_await until_seen(other, 1);
    co_await settle();
    CHECK(numbers.size() == 2);
    CHECK(one.statistics().waiters == 1);
    CHECK(other.statistics().waiters == 0);
    std::raise(SIGUSR1);
    co_await a;
    co_await b;
    co_await c;
    CHECK(numbers.size() == 3);
}

EDDY_TEST_CASE("a set that is gone leaves the others their signals") {
    SignalSet stays{SIGUSR1};
    {
        const SignalSet goes{SIGUSR1};
    }
    std::raise(SIGUSR1);
    const int number = co_await stays.next();
    CHECK(number == SIGUSR1);
}

EDDY_TEST_CASE("a signal of a wait that was cancelled in time is kept for the next") {
    SignalSet signals{SIGUSR1};
    std::vector<int> numbers;
    eddy::CancelScope scope;
    auto waiting = eddy::spawn(with_scope(scope, collect(signals, numbers)));
    co_await settle();
    std::raise(SIGUSR1);
    scope.cancel();
    co_await waiting.wait();
    CHECK(numbers.empty());
    const int number = co_await signals.next();
    CHECK(number == SIGUSR1);
}

namespace {

/// Lets ready jobs come to their waits; what is in flight does not settle.
Task<> rounds() {
    for (int i = 0; i < 4; ++i) {
        co_await eddy::yield();
    }
}

/// Wins by a signal, and then waits for what does not end: its job does not come to take it.
Task<> never_takes(SignalSet& set, std::optional<eddy::Completion<int>>& pending, int& kept) {
    try {
        co_await eddy::select(
            set.next(),
            eddy::from_callback<int>([&pending](eddy::Completion<int> done) { pending = done; }));
    } catch (const eddy::LoopClosed&) {
        kept = static_cast<int>(set.statistics().pending);
    }
}

/// A loop that ends while a job has a signal it has not taken; how many signals are kept then.
int kept_at_end(std::vector<int>* numbers) {
    std::optional<SignalSet> set;
    std::optional<eddy::Completion<int>> pending;
    eddy::testing::RecordingObserver observer;
    int kept = -1;
    eddy::Loop loop({.observer = &observer});
    loop.run(
        [](std::optional<SignalSet>& signals,
           std::optional<eddy::Completion<int>>& completion,
           int& count,
           std::vector<int>* got) -> Task<> {
            signals.emplace({SIGUSR1});
            eddy::spawn(never_takes(*signals, completion, count)).detach();
            co_await rounds();
            if (got != nullptr) {
                eddy::spawn(eddy::shield(collect(*signals, *got))).detach();
                co_await rounds();
            }
            std::raise(SIGUSR1);
            co_await until_seen(*signals, 1);
            co_await rounds();
            CHECK(signals->statistics().pending == 0);
            CHECK(signals->statistics().waiters == (got != nullptr ? 1 : 0));
            CHECK(count == -1);
        }(set, pending, kept, numbers),
        {.grace = 0s});
    CHECK(observer.failures.empty());
    return kept;
}

/// As a job whose frame is destroyed before it runs.
void die(std::unique_ptr<SignalSet::Next>& next) {
    eddy::detail::WaiterAccess::pass_on(*next);
    next.reset();
}

std::unique_ptr<SignalSet::Next> gets(SignalSet& set) {
    std::unique_ptr<SignalSet::Next> next(new SignalSet::Next(set.next()));
    CHECK(next->try_now());
    return next;
}

}  // namespace

TEST_CASE("a signal that a job cannot take any more goes to the next that waits") {
    std::vector<int> numbers;
    const int kept = kept_at_end(&numbers);
    CHECK(kept == 0);
    CHECK(numbers == std::vector<int>{SIGUSR1});
}

TEST_CASE("a signal that a job cannot take any more, and nobody waits for, is kept") {
    const int kept = kept_at_end(nullptr);
    CHECK(kept == 1);
}

EDDY_TEST_CASE("a signal that comes back passes over nobody who waits for it already") {
    SignalSet signals{SIGUSR1, SIGUSR2};
    std::raise(SIGUSR2);
    co_await until_seen(signals, 1);
    auto dies = gets(signals);
    std::vector<int> numbers;
    auto waits = eddy::spawn(collect(signals, numbers));
    co_await settle();
    die(dies);
    CHECK(signals.statistics().waiters == 0);
    CHECK(signals.statistics().pending == 0);
    co_await waits;
    CHECK(numbers == std::vector<int>{SIGUSR2});
    CHECK(signals.statistics().received == 1);
    CHECK(signals.statistics().coalesced == 0);
}

EDDY_TEST_CASE("signals that come back are again where they were in the order of arrival") {
    for (const bool in_order : {true, false}) {
        SignalSet signals{SIGUSR1, SIGUSR2, SIGWINCH};
        std::raise(SIGUSR2);
        co_await until_seen(signals, 1);
        std::raise(SIGUSR1);
        co_await until_seen(signals, 2);
        auto first = gets(signals);
        auto second = gets(signals);
        std::raise(SIGWINCH);
        co_await until_seen(signals, 3);
        die(in_order ? first : second);
        die(in_order ? second : first);
        CHECK(signals.statistics().pending == 3);
        CHECK(signals.statistics().coalesced == 0);
        std::vector<int> numbers;
        for (int i = 0; i < 3; ++i) {
            co_await collect(signals, numbers);
        }
        CHECK(numbers == std::vector<int>{SIGUSR2, SIGUSR1, SIGWINCH});
    }
}

EDDY_TEST_CASE("a signal that comes back is one with its like that came meanwhile") {
    SignalSet signals{SIGUSR1, SIGUSR2};
    std::raise(SIGUSR1);
    co_await until_seen(signals, 1);
    auto dies = gets(signals);
    std::raise(SIGUSR2);
    co_await until_seen(signals, 2);
    std::raise(SIGUSR1);
    co_await until_seen(signals, 3);
    CHECK(signals.statistics().coalesced == 0);
    die(dies);
    CHECK(signals.statistics().coalesced == 1);
    CHECK(signals.statistics().pending == 2);
    std::vector<int> numbers;
    co_await collect(signals, numbers);
    co_await collect(signals, numbers);
    CHECK(numbers == std::vector<int>{SIGUSR1, SIGUSR2});  // the first of the two arrived first
    CHECK(signals.statistics().pending == 0);
}

EDDY_TEST_CASE("what cannot be caught is refused") {
    CHECK_THROWS_AS(SignalSet{SIGKILL}, std::invalid_argument);
    CHECK_THROWS_AS((SignalSet{SIGUSR1, SIGSTOP}), std::invalid_argument);
    CHECK_THROWS_AS(SignalSet{0}, std::invalid_argument);
    CHECK_THROWS_AS(SignalSet{NSIG}, std::invalid_argument);
    CHECK_THROWS_AS(SignalSet(std::span<const int>()), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE(
    "a signal that the system keeps for itself is an error, and nothing is left of the set") {
    const int reserved = SIGRTMIN - 1;
    CHECK_THROWS_AS(SignalSet({SIGUSR1, reserved}), eddy::IoError);
    SignalSet set({SIGUSR1});
    static_cast<void>(raise(SIGUSR1));
    const int number = co_await set.next();
    CHECK(number == SIGUSR1);
}

EDDY_TEST_CASE("a signal set refuses other threads") {
    SignalSet signals{SIGUSR1};
    bool refused = false;
    std::thread([&] {
        try {
            static_cast<void>(signals.statistics());
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    co_return;
}

TEST_CASE("a signal set needs a loop, and one that outlives its loop says so") {
    CHECK_THROWS_AS(SignalSet{SIGUSR1}, eddy::InvalidState);
    std::optional<SignalSet> kept;
    eddy::run([](std::optional<SignalSet>& set) -> Task<> {
        set.emplace({SIGUSR1});
        co_return;
    }(kept));
    bool over = false;
    eddy::run([](SignalSet& set, bool& threw) -> Task<> {
        try {
            co_await set.next();
        } catch (const eddy::LoopClosed&) {
            threw = true;
        }
    }(*kept, over));
    CHECK(over);
    kept.reset();
}

TEST_CASE("two threads with a loop each are both told") {
    std::array<int, 2> got{};
    std::atomic<int> ready = 0;
    const auto waits = [](int& number, std::atomic<int>& count) -> Task<> {
        SignalSet signals{SIGUSR1};
        if (++count == 2) {
            kill(getpid(), SIGUSR1);  // both sets are there
        }
        number = co_await signals.next();
    };
    std::thread other([&] { eddy::run(waits(got[1], ready)); });
    eddy::run(waits(got[0], ready));
    other.join();
    CHECK(got[0] == SIGUSR1);
    CHECK(got[1] == SIGUSR1);
}

TEST_CASE("beside handle_signals the set has the signal and the loop ends") {
    const auto child = eddy::testing::run_in_child([] {
        int number = 0;
        eddy::run(
            [](int& seen) -> Task<> {
                SignalSet signals{SIGTERM};
                std::raise(SIGTERM);
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                    seen = signals.statistics().received == 1 ? 1 : 2;
                    throw;
                }
            }(number),
            {.handle_signals = true});
        return number == 1 ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
}

TEST_CASE("without a set the signal does again what it did") {
    const auto child = eddy::testing::run_in_child([] {
        eddy::run([]() -> Task<> {
            SignalSet signals{SIGTERM};
            std::raise(SIGTERM);
            co_await signals.next();
        }());
        std::raise(SIGTERM);
        return 0;
    });
    CHECK(child.signal == SIGTERM);
}

TEST_CASE("a storm of signals neither kills nor wedges the loop") {
    eddy::run([]() -> Task<> {
        SignalSet signals{SIGUSR1};
        for (int i = 0; i < 20'000; ++i) {
            std::raise(SIGUSR1);
        }
        const int number = co_await signals.next();
        CHECK(number == SIGUSR1);
    }());
}

EDDY_ABORT_TEST_CASE("destroying a signal set that jobs wait on is a broken contract",
                     "a SignalSet was destroyed while jobs wait on it") {
    auto signals = std::make_unique<SignalSet>(std::initializer_list<int>{SIGUSR1});
    std::vector<int> numbers;
    eddy::spawn(collect(*signals, numbers)).detach();
    co_await settle();
    signals.reset();
}

EDDY_TEST_CASE_FIFO("a signal allocates nothing") {
    SignalSet signals{SIGUSR1};
    std::raise(SIGUSR1);
    co_await signals.next();
    const auto before = eddy::testing::heap_counters().allocations;
    std::raise(SIGUSR1);
    co_await signals.next();
    CHECK(eddy::testing::heap_counters().allocations == before);
}
