// SPDX-License-Identifier: MIT
#include <eddy/select.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::settle;

/// Permits that are asked for in different amounts: whoever leaves the queue may let the next in.
class Permits final {
public:
    explicit Permits(int available) : available_(available) {}

    class Acquire final : public eddy::QueuedWaiter {
    public:
        Acquire(Permits& permits, int count) : permits_(permits), count_(count) {}
        [[nodiscard]] bool try_now() {
            const bool granted = permits_.waiting_.empty() && count_ <= permits_.available_;
            permits_.available_ -= granted ? count_ : 0;
            return granted;
        }
        void start() { permits_.waiting_.push_back(*this); }
        [[nodiscard]] int take() const { return count_; }
        [[nodiscard]] const char* what() const noexcept override { return "Permits"; }

    private:
        friend class Permits;
        void unlink() noexcept override {
            QueuedWaiter::unlink();
            permits_.grant();
        }
        void pass_on() noexcept override { permits_.release(count_); }

        Permits& permits_;
        int count_;
    };

    [[nodiscard]] Acquire acquire(int count) { return Acquire(*this, count); }
    void release(int count) {
        available_ += count;
        grant();
    }
    [[nodiscard]] int available() const { return available_; }
    [[nodiscard]] std::size_t waiters() const { return waiting_.size(); }

private:
    void grant() {
        while (!waiting_.empty()) {
            auto& first = static_cast<Acquire&>(*waiting_.front());
            if (first.count_ > available_) {
                return;
            }
            available_ -= first.count_;
            waiting_.wake_one();
        }
    }

    int available_;
    eddy::WaitQueue waiting_;
};

/// A wait on the outside world: it cannot be taken back, only asked to end.
class Request final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Request& request) : request_(request) {}
        [[nodiscard]] bool try_now() const { return false; }
        void start() { request_.waiting_.push_back(*this); }
        [[nodiscard]] int take() const { return ++request_.taken; }
        [[nodiscard]] const char* what() const noexcept override { return "Request"; }

    private:
        [[nodiscard]] bool abort() noexcept override {
            ++request_.aborts;
            return false;
        }
        void pass_on() noexcept override { ++request_.dropped; }

        Request& request_;
    };

    [[nodiscard]] Wait wait() { return Wait(*this); }
    void complete() { waiting_.wake_all(); }
    [[nodiscard]] bool in_flight() const { return !waiting_.empty(); }

    int aborts = 0;
    int dropped = 0;
    int taken = 0;

private:
    eddy::WaitQueue waiting_;
};

/// Throws where it is told to.
class Faulty final : public eddy::QueuedWaiter {
public:
    enum class Place { try_now, start, take };
    explicit Faulty(Place place) : place_(place) {}
    [[nodiscard]] bool try_now() const {
        fail_at(Place::try_now);
        return place_ == Place::take;
    }
    void start() const { fail_at(Place::start); }
    void take() const { fail_at(Place::take); }
    [[nodiscard]] const char* what() const noexcept override { return "Faulty"; }

private:
    void fail_at(Place place) const {
        if (place_ == place) {
            throw std::runtime_error("faulty");
        }
    }
    Place place_;
};

/// One that finds another waiter of the same kind in its start, and grants it.
class Meeting final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Meeting& meeting) : meeting_(meeting) {}
        [[nodiscard]] bool try_now() const { return false; }
        void start() {
            meeting_.waiting_.wake_all();
            meeting_.waiting_.push_back(*this);
        }
        void take() const {}
        [[nodiscard]] const char* what() const noexcept override { return "Meeting"; }

    private:
        Meeting& meeting_;
    };

    [[nodiscard]] Wait wait() { return Wait(*this); }
    [[nodiscard]] std::size_t waiters() const { return waiting_.size(); }

private:
    eddy::WaitQueue waiting_;
};

/// A value by reference.
class Shared final : public eddy::QueuedWaiter {
public:
    explicit Shared(std::string& text) : text_(text) {}
    [[nodiscard]] bool try_now() const { return true; }
    void start() const {}
    [[nodiscard]] std::string& take() const { return text_; }
    [[nodiscard]] const char* what() const noexcept override { return "Shared"; }

private:
    std::string& text_;
};

Task<int> number_after(eddy::Duration delay, int value) {
    co_await sleep_for(delay);
    co_return value;
}

Task<> opens_after(Gate& gate, eddy::Duration delay) {
    co_await sleep_for(delay);
    gate.open();
}

Task<std::size_t> first_gate(Gate& first, Gate& second) {
    const auto got = co_await select(first.wait(), second.wait());
    co_return got.index();
}

}  // namespace

EDDY_TEST_CASE("the first operation that happens wins, and the others leave their queues") {
    Gate first;
    Gate second;
    auto waiting = eddy::spawn(first_gate(first, second));
    co_await settle();
    CHECK(first.waiters() == 1);
    CHECK(second.waiters() == 1);
    second.open();
    CHECK(first.waiters() == 0);
    first.open();
    const std::size_t winner = co_await waiting;
    CHECK(winner == 1);
}

EDDY_TEST_CASE("operations that can finish at once are tried in the order of the arguments") {
    Gate closed;
    Permits permits(2);
    const auto got = co_await select(closed.wait(), permits.acquire(1), permits.acquire(2));
    CHECK(got.index() == 1);
    CHECK(permits.available() == 1);
    CHECK(closed.waiters() == 0);
}

EDDY_TEST_CASE("a sleep among the operations is a timeout without a scope") {
    Gate gate;
    const auto late = co_await select(gate.wait(), sleep_for(1s));
    CHECK(late.index() == 1);
    CHECK(gate.waiters() == 0);
    auto opener = eddy::spawn(opens_after(gate, 1s));
    const auto in_time = co_await select(gate.wait(), sleep_for(2s));
    CHECK(in_time.index() == 0);
    co_await opener;
}

EDDY_TEST_CASE(
    "void results are monostate, references are pointers, equal types keep their index") {
    Gate gate;
    Permits permits(1);
    std::string text = "shared";
    using Three = decltype(select(permits.acquire(2), gate.wait(), Shared(text)).take());
    static_assert(std::is_same_v<Three, std::variant<int, std::monostate, std::string*>>);
    const auto by_reference = co_await select(permits.acquire(2), gate.wait(), Shared(text));
    REQUIRE(by_reference.index() == 2);
    CHECK(std::get<2>(by_reference) == &text);
    const auto twice = co_await select(permits.acquire(2), permits.acquire(1));
    REQUIRE(twice.index() == 1);
    CHECK(std::get<1>(twice) == 1);
}

EDDY_TEST_CASE("select waits for handles of jobs and leaves the losers running") {
    auto slow = eddy::spawn(number_after(2s, 2));
    auto quick = eddy::spawn(number_after(1s, 1));
    const auto got = co_await select(slow, quick);
    REQUIRE(got.index() == 1);
    CHECK(std::get<1>(got) == 1);
    const int late = co_await slow;
    CHECK(late == 2);
}

EDDY_TEST_CASE("operations that have a name can be selected too") {
    Gate gate;
    auto wait = gate.wait();
    auto pause = sleep_for(1s);
    const auto got = co_await select(wait, pause);
    CHECK(got.index() == 1);
}

EDDY_TEST_CASE("the same primitive may be given twice") {
    Gate gate;
    auto waiting = eddy::spawn(first_gate(gate, gate));
    co_await settle();
    CHECK(gate.waiters() == 2);
    gate.open();
    CHECK(gate.waiters() == 0);
    const std::size_t winner = co_await waiting;
    CHECK(winner == 0);
}

EDDY_TEST_CASE("the same operation may be given twice, and its grant is kept") {
    HandOffLock lock;
    auto guard = co_await lock.acquire();
    std::optional<HandOffLock::Guard> held(std::move(guard));
    auto job = eddy::spawn([](HandOffLock& its) -> Task<bool> {
        auto acquisition = its.acquire();
        const auto got = co_await select(acquisition, acquisition);
        static_cast<void>(got);
        co_return its.held();
    }(lock));
    co_await settle();
    held.reset();
    const bool kept = co_await job;
    CHECK(kept);
    CHECK_FALSE(lock.held());
}

/// Waits, and opens a gate when it is tried for the third time.
class Opens final : public eddy::QueuedWaiter {
public:
    static constexpr bool calls_out = true;
    static constexpr bool looks_again = false;
    Opens(eddy::WaitQueue& queue, Gate& gate) noexcept : queue_(queue), gate_(gate) {}
    [[nodiscard]] bool try_now() {
        if (++tries_ == 3) {
            gate_.open();
        }
        return false;
    }
    void start() noexcept { queue_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Opens"; }

private:
    eddy::WaitQueue& queue_;
    Gate& gate_;
    int tries_ = 0;
};

EDDY_TEST_CASE("an operation that stands twice is not taken out in the middle of its start") {
    Gate gate;
    eddy::WaitQueue queue;
    Opens opens(queue, gate);
    const auto got = co_await select(gate.wait(), opens, opens);
    CHECK(got.index() == 0);
    CHECK(queue.empty());
}

EDDY_TEST_CASE("a select can be one of the operations of another") {
    Gate first;
    Gate second;
    Gate third;
    auto opener = eddy::spawn(opens_after(second, 1s));
    const auto got = co_await select(third.wait(), select(first.wait(), second.wait()));
    REQUIRE(got.index() == 1);
    CHECK(std::get<1>(got).index() == 1);
    CHECK(first.waiters() + third.waiters() == 0);
    co_await opener;
}

EDDY_TEST_CASE("an operation that commits in its start ends the select") {
    Gate gate;
    Gate never_started;
    const auto got = co_await select(gate.wait(), eddy::yield(), never_started.wait());
    CHECK(got.index() == 1);
    CHECK(gate.waiters() == 0);
}

EDDY_TEST_CASE("two operations of one select that meet each other are one grant") {
    Meeting meeting;
    Gate gate;
    const auto got = co_await select(gate.wait(), meeting.wait(), meeting.wait());
    CHECK(got.index() == 1);
    CHECK(meeting.waiters() == 0);
    CHECK(gate.waiters() == 0);
}

// --- failures ----------------------------------------------------------------------------------

EDDY_TEST_CASE("what an operation throws comes out, and the others have not happened") {
    for (const auto place : {Faulty::Place::try_now, Faulty::Place::start, Faulty::Place::take}) {
        Gate gate;
        Permits permits(1);
        bool thrown = false;
        try {
            const auto got =
                co_await select(gate.wait(), permits.acquire(2), Faulty(place), sleep_for(1h));
            static_cast<void>(got);
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
        CHECK(gate.waiters() == 0);
        CHECK(permits.waiters() == 0);
        CHECK(permits.available() == 1);
    }
}

EDDY_TEST_CASE(
    "an operation that throws in its start does not undo one that has happened by then") {
    Gate gate;
    const auto got = co_await select(gate.wait(), eddy::yield(), Faulty(Faulty::Place::start));
    CHECK(got.index() == 1);
}

// --- no grant is lost --------------------------------------------------------------------------

Task<std::size_t> many_or_few(Permits& permits, Gate& gate) {
    const auto got = co_await select(permits.acquire(5), permits.acquire(1), gate.wait());
    co_return got.index();
}

Task<> takes(Permits& permits, int count, bool& taken) {
    const int got = co_await permits.acquire(count);
    taken = got == count;
}

EDDY_TEST_CASE("a grant that comes while the losers leave is passed on") {
    Permits permits(0);
    Gate gate;
    auto selecting = eddy::spawn(many_or_few(permits, gate));
    co_await settle();
    permits.release(3);  // not enough for the first, who holds the second up
    bool taken = false;
    auto behind = eddy::spawn(takes(permits, 3, taken));
    co_await settle();
    CHECK(permits.waiters() == 3);
    gate.open();  // acquire(5) leaves, which grants acquire(1), which has lost already
    const std::size_t winner = co_await selecting;
    CHECK(winner == 2);
    co_await behind;
    CHECK(taken);
    CHECK(permits.available() == 0);
}

EDDY_TEST_CASE("a grant that comes while a cancelled select leaves is passed on") {
    Permits permits(0);
    Gate gate;
    auto selecting = eddy::spawn(many_or_few(permits, gate));
    co_await settle();
    permits.release(3);  // not enough for the first, who holds the second up
    selecting.cancel();
    CHECK(permits.available() == 3);
    CHECK(permits.waiters() + gate.waiters() == 0);
    co_await selecting.wait();
    CHECK(selecting.state() == eddy::JobState::cancelled);
}

EDDY_TEST_CASE("a grant to the larger request takes the smaller one of the same select away") {
    Permits permits(0);
    Gate gate;
    auto selecting = eddy::spawn(many_or_few(permits, gate));
    co_await settle();
    permits.release(7);
    CHECK(permits.available() == 2);
    const std::size_t winner = co_await selecting;
    CHECK(winner == 0);
}

Task<> takes_and_returns(Permits& permits, Gate& closing) {
    for (int i = 0; i < 3; ++i) {
        const auto got = co_await select(closing.wait(), permits.acquire(2), permits.acquire(1));
        if (got.index() == 0) {
            co_return;
        }
        permits.release(got.index() == 1 ? 2 : 1);
        co_await sleep_for(1s);
    }
}

TEST_CASE("selects that are cancelled at any of their checkpoints lose no permit") {
    std::optional<Permits> permits;
    std::optional<Gate> closing;
    const auto scenario = [&permits, &closing]() -> Task<> {
        permits.emplace(0);
        closing.emplace();
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(takes_and_returns(*permits, *closing));
            group.spawn(takes_and_returns(*permits, *closing));
            co_await eddy::yield();
            permits->release(2);
            co_await sleep_for(2s);
            closing->open();
        });
    };
    const auto count = eddy::testing::cancel_at_each_checkpoint(scenario, [&] {
        if (permits) {  // not yet, when it was cancelled before its start
            CHECK(permits->waiters() + closing->waiters() == 0);
            CHECK((permits->available() == 0 || permits->available() == 2));
        }
    });
    CHECK(count > 6);
}

EDDY_TEST_CASE("selects that finish at once let the others run, too") {
    Permits permits(1'000);
    bool ran = false;
    auto other = eddy::spawn(
        [](bool& flag) -> Task<> {
            flag = true;
            co_return;
        },
        std::ref(ran));
    Gate gate;
    int count = 0;
    while (!ran && count < 1'000) {
        const auto got = co_await select(gate.wait(), permits.acquire(1));
        CHECK(got.index() == 1);
        ++count;
    }
    CHECK(ran);
    CHECK(count < 1'000);
    co_await other;
}

// --- in flight ---------------------------------------------------------------------------------

Task<std::size_t> request_or_gate(Request& request, Gate& gate) {
    const auto got = co_await select(request.wait(), gate.wait());
    co_return got.index();
}

EDDY_TEST_CASE("a loser in flight is asked to end and waited for, and its result is dropped") {
    Request request;
    Gate gate;
    auto selecting = eddy::spawn(request_or_gate(request, gate));
    co_await settle();
    gate.open();
    co_await settle();
    CHECK(request.aborts == 1);
    CHECK_FALSE(selecting.done());
    request.complete();
    const std::size_t winner = co_await selecting;
    CHECK(winner == 1);
    CHECK(request.dropped == 1);
    CHECK(request.taken == 0);
}

EDDY_TEST_CASE("an operation in flight that happens first wins as any other") {
    Request request;
    Gate gate;
    auto selecting = eddy::spawn(request_or_gate(request, gate));
    co_await settle();
    request.complete();
    CHECK(gate.waiters() == 0);
    const std::size_t winner = co_await selecting;
    CHECK(winner == 0);
    CHECK(request.aborts == 0);
    CHECK(request.taken == 1);
}

EDDY_TEST_CASE("a cancelled select waits for what is in flight, and returns it") {
    Request request;
    Gate gate;
    auto selecting = eddy::spawn(request_or_gate(request, gate));
    co_await settle();
    selecting.cancel();
    CHECK(gate.waiters() == 0);
    CHECK(request.aborts == 1);
    co_await settle();
    CHECK_FALSE(selecting.done());
    request.complete();
    const std::size_t winner = co_await selecting;
    CHECK(winner == 0);
}

EDDY_TEST_CASE("a cancel that comes while a loser in flight ends does not take the result away") {
    Request request;
    Gate gate;
    auto selecting = eddy::spawn(request_or_gate(request, gate));
    co_await settle();
    gate.open();
    selecting.cancel();
    request.complete();
    const std::size_t winner = co_await selecting;
    CHECK(winner == 1);
    CHECK(request.dropped == 1);
}

// --- the matrix --------------------------------------------------------------------------------

namespace {

struct SelectFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit SelectFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        const auto got = co_await select(gate.wait(), permits.acquire(1), permits.acquire(2));
        CHECK(got.index() == 1);
        permits.release(1);
    }
    auto operation() { return select(opened, one, two); }
    void took() { permits.release(1); }
    Task<> wait_again() { return wait(); }
    void complete() { permits.release(1); }
    [[nodiscard]] bool intact() const { return gate.waiters() + permits.waiters() == 0; }

    Gate gate;
    Permits permits{0};
    Gate::Wait opened = gate.wait();
    Permits::Acquire one = permits.acquire(1);
    Permits::Acquire two = permits.acquire(2);
};

EDDY_TEST_CASE("a moment that has passed is chosen before what can always happen") {
    Gate open;
    open.open();
    const eddy::TimePoint deadline = eddy::now() + 1s;
    std::size_t rounds = 0;
    bool in_time = false;
    while (!in_time && rounds < 10'000) {
        const auto got = co_await select(eddy::sleep_until(deadline), open.wait());
        in_time = got.index() == 0;
        ++rounds;
        if (rounds == 1'000) {
            eddy::testing::test_clock().advance(1s);
        }
    }
    CHECK(in_time);
    CHECK(rounds == 1'001);
}

EDDY_TEST_CASE("of several moments that have passed, and of no time at all, the first is chosen") {
    Gate open;
    open.open();
    const auto none = co_await select(sleep_for(0s), open.wait());
    CHECK(none.index() == 0);
    const auto negative = co_await select(sleep_for(-1s), open.wait());
    CHECK(negative.index() == 0);
    const auto second = co_await select(eddy::sleep_forever(), eddy::sleep_until({}), open.wait());
    CHECK(second.index() == 1);
    const auto later = co_await select(sleep_for(1s), open.wait());
    CHECK(later.index() == 1);
    const auto last = co_await select(open.wait(), sleep_for(0s));
    CHECK(last.index() == 0);
}

EDDY_TEST_CASE("a sleep that is over when it is awaited lets others go first, like yield") {
    int others = 0;
    auto job = eddy::spawn([&others]() -> Task<> {
        for (; others < 3; ++others) {
            co_await eddy::yield();
        }
    });
    co_await eddy::sleep_until(eddy::now() - 1s);
    co_await sleep_for(0s);
    co_await sleep_for(-1s);
    co_await eddy::sleep_until(eddy::now());
    co_await sleep_for(0s);
    co_await sleep_for(0s);
    co_await sleep_for(0s);
    CHECK(others == 3);
    co_await job;
}

EDDY_TEST_CASE("yield in a select is chosen when nothing else can happen at once") {
    Gate gate;
    const auto gave_way = co_await select(eddy::yield(), gate.wait());
    CHECK(gave_way.index() == 0);
    gate.open();
    const auto at_once = co_await select(eddy::yield(), gate.wait());
    CHECK(at_once.index() == 1);
}

}  // namespace

EDDY_WAIT_MATRIX("select", SelectFixture)

namespace {

/// Opens the gate when it is started, and then fails.
class OpensAndFails final : public eddy::Waiter {
public:
    explicit OpensAndFails(Gate& gate) noexcept : gate_(gate) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() const {
        gate_.open();
        throw std::runtime_error("after the fact");
    }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "OpensAndFails"; }

private:
    void unlink() noexcept override {}
    Gate& gate_;
};

}  // namespace

EDDY_TEST_CASE("an operation that fails to start after another one has won does not undo that") {
    Gate gate;
    const auto got = co_await eddy::select(gate.wait(), OpensAndFails(gate));
    CHECK(got.index() == 0);
    CHECK(gate.waiters() == 0);
}
