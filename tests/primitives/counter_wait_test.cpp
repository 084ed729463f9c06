// SPDX-License-Identifier: MIT
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/own.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

namespace {

using eddy::Counter;
using eddy::Task;
using eddy::testing::settle;

using Values = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

Task<> at_least(Counter& counter, std::int64_t threshold, Values& seen) {
    seen.push_back(co_await counter.wait_at_least(threshold));
}
Task<> at_most(Counter& counter, std::int64_t threshold, Values& seen) {
    seen.push_back(co_await counter.wait_at_most(threshold));
}
Task<> until_zero(Counter& counter, Values& seen) {
    seen.push_back(co_await counter.wait_until_zero());
}
Task<> equals(Counter& counter, std::int64_t wanted, Values& seen) {
    seen.push_back(
        co_await counter.wait_for([wanted](std::int64_t value) { return value == wanted; }));
}
Task<> next_change(Counter& counter, Values& seen) {
    seen.push_back(co_await counter.wait_change());
}

/// Jobs that wait on a counter, and the order in which they went on.
class Line final {
public:
    explicit Line(Counter& counter) : counter_(counter) {}
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;

    Names order;

    void enter(std::string name, Task<> (*wait)(Counter&)) {
        eddy::spawn(in_line(wait(counter_), std::move(name), order)).detach();
    }

private:
    static Task<> in_line(Task<> wait, std::string name, Names& order) {
        try {
            co_await std::move(wait);
        } catch (const eddy::ClosedResource&) {
            name += " closed";
        }
        order.push_back(name);
    }

    Counter& counter_;
};

Task<> predicate(Counter& counter, std::function<bool(std::int64_t)> test, Values& seen) {
    seen.push_back(co_await counter.wait_for(test));
}

}  // namespace

EDDY_TEST_CASE("a wait for what is true already returns at once") {
    Counter counter(5);
    const std::int64_t least = co_await counter.wait_at_least(5);
    CHECK(least == 5);
    const std::int64_t most = co_await counter.wait_at_most(5);
    CHECK(most == 5);
    const std::int64_t odd = co_await counter.wait_for([](std::int64_t v) { return v % 2 == 1; });
    CHECK(odd == 5);
    counter.set(0);
    const std::int64_t zero = co_await counter.wait_until_zero();
    CHECK(zero == 0);
    CHECK(counter.statistics().waiters == 0);
}

EDDY_TEST_CASE("a waiter resumes with the value that matched, although the counter has moved on") {
    Counter counter;
    Values ten;
    Values least;
    Values most;
    eddy::spawn(equals(counter, 10, ten)).detach();
    eddy::spawn(at_least(counter, 10, least)).detach();
    co_await settle();
    CHECK(counter.statistics().waiters == 2);
    for (int i = 0; i < 20; ++i) {
        counter.increment();
    }
    CHECK(counter.statistics().waiters == 0);
    CHECK(ten.empty());
    eddy::spawn(at_most(counter, 15, most)).detach();
    co_await settle();
    counter.set(12);
    counter.set(18);
    co_await settle();
    CHECK(ten == Values{10});
    CHECK(least == Values{10});
    CHECK(most == Values{12});
}

EDDY_TEST_CASE("zero is waited for from both sides") {
    Counter counter(2, {.min = -5, .max = 5});
    Values seen;
    eddy::spawn(until_zero(counter, seen)).detach();
    co_await settle();
    counter.set(-2);
    co_await settle();
    CHECK(seen.empty());
    counter.increment(2);
    counter.increment();
    co_await settle();
    CHECK(seen == Values{0});
}

EDDY_TEST_CASE("wait_change does not see the change that woke its caller") {
    Counter counter;
    Values seen;
    auto follower = eddy::spawn(
        [](Counter& watched, Values& values) -> Task<> {
            values.push_back(co_await watched.wait_at_least(1));
            values.push_back(co_await watched.wait_change());
            values.push_back(co_await watched.wait_change());
        },
        std::ref(counter),
        std::ref(seen));
    co_await settle();
    counter.increment();
    co_await settle();
    CHECK(seen == Values{1});
    counter.set(7);
    co_await settle();
    CHECK(seen.size() == 2);
    counter.set(3);
    co_await follower;
    CHECK(seen == Values({1, 7, 3}));
}

EDDY_TEST_CASE("all that one change wakes see the same value") {
    Counter counter;
    Values seen;
    for (std::int64_t i = 1; i <= 4; ++i) {
        eddy::spawn(at_least(counter, i, seen)).detach();
        eddy::spawn(next_change(counter, seen)).detach();
        eddy::spawn(equals(counter, 9, seen)).detach();
    }
    co_await settle();
    counter.set(9);
    counter.set(2);
    co_await settle();
    CHECK(seen == Values(12, 9));
}

EDDY_TEST_CASE_FIFO("all that one change wakes resume in the order in which they came") {
    Counter counter(5);
    Line line(counter);
    line.enter("most 2", [](Counter& c) -> Task<> { co_await c.wait_at_most(2); });
    line.enter("is 0", [](Counter& c) -> Task<> {
        co_await c.wait_for([](std::int64_t value) { return value == 0; });
    });
    line.enter("most 4", [](Counter& c) -> Task<> { co_await c.wait_at_most(4); });
    line.enter("zero", [](Counter& c) -> Task<> { co_await c.wait_until_zero(); });
    line.enter("change", [](Counter& c) -> Task<> { co_await c.wait_change(); });
    line.enter("most 0", [](Counter& c) -> Task<> { co_await c.wait_at_most(0); });
    co_await settle();
    CHECK(counter.statistics().waiters == 6);
    counter.set(0);
    CHECK(counter.statistics().waiters == 0);
    CHECK(line.order.empty());  // nobody runs inside it
    co_await settle();
    CHECK(line.order == Names({"most 2", "is 0", "most 4", "zero", "change", "most 0"}));
}

EDDY_TEST_CASE_FIFO("close wakes everybody in order with ClosedResource, and later waits fail") {
    Counter counter(5);
    Line line(counter);
    line.enter("least 9", [](Counter& c) -> Task<> { co_await c.wait_at_least(9); });
    line.enter("zero", [](Counter& c) -> Task<> { co_await c.wait_until_zero(); });
    line.enter("change", [](Counter& c) -> Task<> { co_await c.wait_change(); });
    line.enter("is 6", [](Counter& c) -> Task<> {
        co_await c.wait_for([](std::int64_t value) { return value == 6; });
    });
    line.enter("least 7", [](Counter& c) -> Task<> { co_await c.wait_at_least(7); });
    line.enter("most 1", [](Counter& c) -> Task<> { co_await c.wait_at_most(1); });
    co_await settle();
    counter.set(8);  // these two are out already
    counter.close();
    CHECK(counter.statistics().waiters == 0);
    co_await settle();
    CHECK(line.order == Names({"change",
                               "least 7",
                               "least 9 closed",
                               "zero closed",
                               "is 6 closed",
                               "most 1 closed"}));
    bool refused = false;
    try {
        co_await counter.wait_at_least(1);  // true, but closed
    } catch (const eddy::ClosedResource&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a counter may go as soon as it has been closed") {
    auto counter = std::make_unique<Counter>();
    Line line(*counter);
    line.enter("one", [](Counter& c) -> Task<> { co_await c.wait_at_least(9); });
    co_await settle();
    counter->close();
    counter.reset();
    co_await settle();
    CHECK(line.order == Names{"one closed"});
}

EDDY_TEST_CASE("a predicate that throws hurts its own waiter only") {
    Counter counter;
    Values good;
    std::string bad;
    eddy::spawn(equals(counter, 1, good)).detach();
    eddy::spawn(
        [](Counter& c, std::string& message) -> Task<> {
            try {
                co_await c.wait_for([](std::int64_t value) -> bool {
                    if (value == 1) {
                        throw std::runtime_error("cannot tell");
                    }
                    return false;
                });
            } catch (const std::runtime_error& error) {
                message = error.what();
            }
        },
        std::ref(counter),
        std::ref(bad))
        .detach();
    eddy::spawn(equals(counter, 1, good)).detach();
    co_await settle();
    CHECK(counter.increment() == 1);
    co_await settle();
    CHECK(good == Values({1, 1}));
    CHECK(bad == "cannot tell");
}

EDDY_TEST_CASE("a predicate that throws at once throws into the wait") {
    Counter counter;
    bool thrown = false;
    try {
        co_await counter.wait_for([](std::int64_t) -> bool { throw std::runtime_error("no"); });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown);
    CHECK(counter.statistics().waiters == 0);
    CHECK(counter.increment() == 1);  // not taken for being inside a predicate
}

EDDY_TEST_CASE("a predicate that changes or closes its counter gets a logic_error") {
    Counter counter;
    int refused = 0;
    Values seen;
    std::function<bool(std::int64_t)> meddle = [&](std::int64_t value) {
        for (auto* call : {+[](Counter& c) { c.increment(); },
                           +[](Counter& c) { c.set(0); },
                           +[](Counter& c) { c.close(); }}) {
            try {
                call(counter);
            } catch (const std::logic_error&) {
                ++refused;
            }
        }
        return value == 1;
    };
    eddy::spawn(predicate(counter, meddle, seen)).detach();
    co_await settle();
    CHECK(refused == 3);
    counter.increment();
    CHECK(refused == 6);
    co_await settle();
    CHECK(seen == Values{1});
    CHECK(counter.value() == 1);
}

EDDY_TEST_CASE("what a predicate does to other waiters does not upset the change") {
    Counter counter;
    Values seen;
    int asked_in_vain = 0;
    eddy::CancelScope victims[5];
    const auto cancel_all = [&](std::int64_t value) {
        if (value == 1) {
            for (eddy::CancelScope& victim : victims) {
                victim.cancel("by a predicate");
            }
        }
        return value == 1;  // it matches, but is cancelled
    };
    const auto late = [&](std::int64_t value) {
        asked_in_vain += value == 1 ? 1 : 0;
        return value == 1;
    };
    eddy::spawn(with_scope(victims[0], equals(counter, 9, seen))).detach();
    co_await settle();
    eddy::spawn(with_scope(victims[1], predicate(counter, cancel_all, seen))).detach();
    co_await settle();
    eddy::spawn(with_scope(victims[2], predicate(counter, late, seen))).detach();
    eddy::spawn(with_scope(victims[3], predicate(counter, late, seen))).detach();
    eddy::spawn(with_scope(victims[4], at_least(counter, 1, seen))).detach();
    eddy::spawn(at_least(counter, 1, seen)).detach();
    eddy::spawn(equals(counter, 1, seen)).detach();
    co_await settle();
    counter.increment();
    CHECK(counter.statistics().waiters == 0);
    co_await settle();
    CHECK(seen == Values(2, 1));
    CHECK(asked_in_vain == 0);
    for (const eddy::CancelScope& victim : victims) {
        CHECK(victim.cancelled_caught());
    }
}

EDDY_TEST_CASE("predicates take arguments, which the wait keeps") {
    Counter counter;
    Values seen;
    eddy::spawn(
        [](Counter& c, Values& values) -> Task<> {
            values.push_back(co_await c.wait_for(
                [](std::int64_t value, const std::string& text, std::int64_t factor) {
                    return value == static_cast<std::int64_t>(text.size()) * factor;
                },
                std::string("a text that does not fit into a small string"),
                2));
        },
        std::ref(counter),
        std::ref(seen))
        .detach();
    eddy::spawn(
        [](Counter& c, Values& values) -> Task<> {
            auto wanted = std::make_unique<std::int64_t>(88);
            auto is_wanted = [wanted = std::move(wanted)](std::int64_t value) {
                return value == *wanted;
            };
            values.push_back(co_await c.wait_for(eddy::own(is_wanted)));
        },
        std::ref(counter),
        std::ref(seen))
        .detach();
    co_await settle();
    CHECK(seen.empty());
    counter.set(88);
    co_await settle();
    CHECK(seen == Values({88, 88}));
}

EDDY_TEST_CASE("counters take part in select: one happens, the others leave") {
    Counter first;
    Counter second(3);
    std::size_t winner = 99;
    auto chooser = eddy::spawn(
        [](Counter& a, Counter& b, std::size_t& index) -> Task<> {
            const auto got =
                co_await eddy::select(a.wait_at_least(2), a.wait_until_zero(), b.wait_change());
            CHECK(got.index() == 1);  // true already
            const auto next =
                co_await eddy::select(a.wait_at_least(2),
                                      a.wait_for([](std::int64_t v) { return v >= 2; }),
                                      b.wait_at_most(1));
            index = next.index();
            CHECK(b.statistics().waiters == 0);
            CHECK(a.statistics().waiters == 0);
        },
        std::ref(first),
        std::ref(second),
        std::ref(winner));
    co_await settle();
    CHECK(first.statistics().waiters == 2);
    CHECK(second.statistics().waiters == 1);
    first.set(5);  // both of its waits match: the first to come wins
    CHECK(first.statistics().waiters == 0);
    CHECK(second.statistics().waiters == 0);
    co_await chooser;
    CHECK(winner == 0);
}

EDDY_TEST_CASE("a select that changes a counter it has tried already does not miss that change") {
    Counter counter;
    Counter other;
    const auto meddle = [&counter](std::int64_t) {
        counter.increment();
        return false;
    };
    const auto got = co_await eddy::select(
        counter.wait_at_least(1), counter.wait_change(), other.wait_for(meddle));
    CHECK(got.index() == 0);
    CHECK(counter.statistics().waiters == 0);
    CHECK(other.statistics().waiters == 0);
}
