// SPDX-License-Identifier: MIT
#include <eddy/queue.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"
#include "exchange_kit.hpp"

namespace {

using eddy::Queue;
using eddy::Shutdown;
using eddy::Task;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;
using eddy::testing::Tracked;

using Numbers = std::vector<int>;

Task<> puts(Queue<int>& queue, int number, Numbers& done) {
    co_await queue.put(int(number));
    done.push_back(number);
}

Task<> gets(Queue<int>& queue, Numbers& got) {
    const int item = co_await queue.get();
    got.push_back(item);
}

Task<> drains(Queue<int>& queue, Numbers& got) {
    while (auto item = co_await queue.next()) {
        got.push_back(*item);
    }
    got.push_back(-1);
}

Task<> joins(Queue<int>& queue, int& joined) {
    co_await queue.join();
    ++joined;
}

Numbers rest(Queue<int>& queue) {
    Numbers all;
    while (const std::optional<int> item = queue.try_get()) {
        all.push_back(*item);
    }
    return all;
}

}  // namespace

EDDY_TEST_CASE("items come out in the order they went in, and a full queue makes puts wait") {
    Queue<int> queue(2);
    CHECK(queue.capacity() == 2);
    co_await queue.put(1);
    const int two = 2;
    co_await queue.put(two);
    Numbers done;
    eddy::spawn(puts(queue, 3, done)).detach();
    co_await settle();
    CHECK(done.empty());
    CHECK(queue.statistics().putters == 1);
    CHECK(queue.size() == 2);
    const int first = co_await queue.get();
    CHECK(first == 1);
    co_await settle();
    CHECK(done == Numbers{3});
    CHECK(rest(queue) == Numbers{2, 3});
    CHECK(queue.empty());
}

EDDY_TEST_CASE("an item put while jobs wait goes to the longest waiting one, at once") {
    Queue<int> queue(4);
    Numbers first;
    Numbers second;
    eddy::spawn(gets(queue, first)).detach();
    co_await settle();
    eddy::spawn(gets(queue, second)).detach();
    co_await settle();
    CHECK(queue.statistics().getters == 2);
    CHECK(queue.try_put(7));
    CHECK(queue.statistics().getters == 1);
    CHECK(queue.size() == 0);
    CHECK_FALSE(queue.try_get());  // it has an owner
    CHECK(first.empty());          // who has not run inside the put
    CHECK(queue.try_put(8));
    CHECK(queue.try_put(9));
    CHECK(queue.size() == 1);
    co_await settle();
    CHECK(first == Numbers{7});
    CHECK(second == Numbers{8});
    CHECK(rest(queue) == Numbers{9});
}

EDDY_TEST_CASE("room that comes free is filled at once by the longest waiting put") {
    Queue<int> queue(1);
    co_await queue.put(1);
    Numbers done;
    for (int i = 2; i <= 3; ++i) {
        eddy::spawn(puts(queue, i, done)).detach();
        co_await settle();
    }
    CHECK(queue.try_get() == 1);
    CHECK(queue.size() == 1);  // 2 is in
    CHECK(queue.statistics().putters == 1);
    CHECK_FALSE(queue.try_put(9));  // nobody comes between
    CHECK(done.empty());
    co_await settle();
    CHECK(done == Numbers{2});
    CHECK(rest(queue) == Numbers{2, 3});
    co_await settle();
    CHECK(done == Numbers{2, 3});
}

EDDY_TEST_CASE("a put that does not happen leaves the item where it was") {
    Queue<std::unique_ptr<int>> queue(1);
    auto item = std::make_unique<int>(1);
    co_await queue.put(std::move(item));
    CHECK(item == nullptr);
    item = std::make_unique<int>(2);
    CHECK_FALSE(queue.try_put(std::move(item)));
    REQUIRE(item != nullptr);
    const bool in_time = co_await eddy::move_on_after(
        std::chrono::seconds(1),
        [](Queue<std::unique_ptr<int>>& q, std::unique_ptr<int>& i) -> Task<> {
            co_await q.put(std::move(i));
        }(queue, item));
    CHECK_FALSE(in_time);
    REQUIRE(item != nullptr);
    const auto other =
        co_await eddy::select(queue.put(std::move(item)), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(other.index() == 1);
    REQUIRE(item != nullptr);
    CHECK(queue.statistics().putters == 0);
    const auto got = queue.try_get();
    REQUIRE(got);
    CHECK(**got == 1);
    CHECK(queue.empty());
}

EDDY_TEST_CASE("a put that waits when the queue is shut down fails, and keeps its item") {
    Queue<std::unique_ptr<int>> queue(1);
    co_await queue.put(std::make_unique<int>(1));
    std::unique_ptr<int> item = std::make_unique<int>(2);
    std::string how;
    auto putter = eddy::spawn(
        [](Queue<std::unique_ptr<int>>& q, std::unique_ptr<int>& i, std::string& out) -> Task<> {
            try {
                co_await q.put(std::move(i));
            } catch (const eddy::ClosedResource& error) {
                out = error.what();
            }
        },
        std::ref(queue),
        std::ref(item),
        std::ref(how));
    co_await settle();
    queue.shutdown();
    CHECK(queue.statistics().putters == 0);
    CHECK(queue.size() == 1);
    co_await putter;
    CHECK(how.find("Queue::put") == 0);
    REQUIRE(item != nullptr);
    CHECK(*item == 2);
    CHECK(thrown_by([&] { static_cast<void>(queue.try_put(std::move(item))); }) == "closed");
    CHECK(item != nullptr);
    CHECK(queue.size() == 1);
    CHECK(queue.statistics().unfinished == 1);
}

EDDY_TEST_CASE("shut down, a queue is drained, and then it ends") {
    Queue<int> queue(eddy::unbounded);
    for (int i = 0; i < 3; ++i) {
        co_await queue.put(int(i));
    }
    queue.shutdown();
    queue.shutdown();
    CHECK(queue.is_shut_down());
    Numbers got;
    co_await drains(queue, got);
    CHECK(got == Numbers{0, 1, 2, -1});
    bool ended = false;
    try {
        co_await queue.get();
    } catch (const eddy::EndOfStream&) {
        ended = true;
    }
    CHECK(ended);
    CHECK_FALSE(queue.try_get());
}

EDDY_TEST_CASE("jobs that wait for an item are told of the end") {
    Queue<int> queue(1);
    Numbers got;
    eddy::spawn(drains(queue, got)).detach();
    std::string how;
    eddy::spawn(
        [](Queue<int>& q, std::string& out) -> Task<> {
            try {
                co_await q.get();
            } catch (const eddy::EndOfStream& error) {
                out = error.what();
            }
        },
        std::ref(queue),
        std::ref(how))
        .detach();
    co_await settle();
    CHECK(queue.statistics().getters == 2);
    queue.shutdown();
    CHECK(queue.statistics().getters == 0);
    co_await settle();
    CHECK(got == Numbers{-1});
    CHECK(how.find("Queue::get") == 0);
}

EDDY_TEST_CASE("an immediate shutdown drops what is stored, each item once, also after a drain") {
    {
        Queue<Tracked> queue(8);
        for (int i = 0; i < 5; ++i) {
            co_await queue.put(Tracked(i));
        }
        CHECK(Tracked::alive() == 5);
        static_cast<void>(queue.try_get());
        CHECK(Tracked::alive() == 4);
        queue.shutdown();
        CHECK(queue.size() == 4);
        queue.shutdown(Shutdown::immediate);
        CHECK(queue.size() == 0);
        CHECK(Tracked::alive() == 0);
        CHECK(queue.statistics().unfinished == 1);  // the one that was taken
        queue.shutdown();
        queue.shutdown(Shutdown::immediate);
        queue.task_done();
        co_await queue.join();
        const std::optional<Tracked> none = co_await queue.next();
        CHECK_FALSE(none);
    }
    CHECK(Tracked::alive() == 0);
}

EDDY_TEST_CASE("a job that was given its item keeps it through cancel and immediate shutdown") {
    Queue<int> queue(1);
    Numbers got;
    eddy::CancelScope scope;
    auto getter = eddy::spawn(with_scope(scope, gets(queue, got)));
    co_await settle();
    CHECK(queue.try_put(5));
    scope.cancel();
    queue.shutdown(Shutdown::immediate);
    CHECK(queue.statistics().unfinished == 1);  // its work is still to be done
    co_await getter;
    CHECK(got == Numbers{5});
    queue.task_done();
    CHECK(queue.statistics().unfinished == 0);
}

EDDY_TEST_CASE("join waits for the work, not for an empty queue") {
    Queue<int> queue(4);
    co_await queue.join();  // nothing was ever put
    int joined = 0;
    co_await queue.put(1);
    co_await queue.put(2);
    CHECK(thrown_by([&] { queue.task_done(); }) == "invalid state");  // nobody has taken any
    eddy::spawn(joins(queue, joined)).detach();
    CHECK(rest(queue) == Numbers{1, 2});
    co_await settle();
    CHECK(joined == 0);
    CHECK(queue.statistics().joiners == 1);
    queue.task_done();
    co_await settle();
    CHECK(joined == 0);
    queue.task_done();
    CHECK(queue.statistics().joiners == 0);
    co_await settle();
    CHECK(joined == 1);
    CHECK(thrown_by([&] { queue.task_done(); }) == "invalid state");
    CHECK(queue.statistics().unfinished == 0);
    CHECK_THROWS_AS(queue.task_done(), std::logic_error);
    co_await queue.join();
}

EDDY_TEST_CASE("an immediate shutdown ends a join, but not before the items that were taken") {
    Queue<int> queue(4);
    int joined = 0;
    co_await queue.put(1);
    co_await queue.put(2);
    CHECK(queue.try_get() == 1);
    eddy::spawn(joins(queue, joined)).detach();
    co_await settle();
    queue.shutdown(Shutdown::immediate);
    co_await settle();
    CHECK(joined == 0);
    queue.task_done();
    co_await settle();
    CHECK(joined == 1);
}

EDDY_TEST_CASE("a put that waits is no work yet") {
    Queue<int> queue(1);
    co_await queue.put(1);
    Numbers done;
    eddy::spawn(puts(queue, 2, done)).detach();
    co_await settle();
    CHECK(queue.statistics().unfinished == 1);
    CHECK(queue.try_get() == 1);
    CHECK(queue.statistics().unfinished == 2);
    co_await settle();
    CHECK(done == Numbers{2});
}

EDDY_TEST_CASE("a select takes from the queue that has something, and from no other") {
    Queue<int> a(1);
    Queue<int> b(1);
    int got = 0;
    auto chooser = eddy::spawn(
        [](Queue<int>& x, Queue<int>& y, int& out) -> Task<> {
            const auto item = co_await eddy::select(x.get(), y.get());
            out = item.index() == 0 ? std::get<0>(item) : 10 + std::get<1>(item);
        },
        std::ref(a),
        std::ref(b),
        std::ref(got));
    co_await settle();
    CHECK(b.try_put(1));
    CHECK(a.try_put(2));
    co_await chooser;
    CHECK(got == 11);
    CHECK(a.size() == 1);
    CHECK(b.size() == 0);
}

TEST_CASE("a capacity of 0 is refused with a word on what to take instead") {
    CHECK(thrown_by([] { Queue<int> queue(0); }) == "invalid argument");
    try {
        Queue<int> queue(0);
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("open_channel") != std::string::npos);
    }
}

EDDY_TEST_CASE("a queue refuses other threads, and is left as it is") {
    Queue<int> queue(2);
    co_await queue.put(1);
    int item = 2;
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.try_put(std::move(item))); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.try_get()); }));
    CHECK(refused_elsewhere([&] { queue.task_done(); }));
    CHECK(refused_elsewhere([&] { queue.shutdown(); }));
    CHECK(refused_elsewhere([&] { queue.shutdown(Shutdown::immediate); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.statistics()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.size()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.is_shut_down()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.put(std::move(item)).try_now()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.get().try_now()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.next().try_now()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(queue.join().try_now()); }));
    CHECK(queue.statistics().unfinished == 1);
    CHECK(rest(queue) == Numbers{1});
}

/// Kinds of waiters: 0 gets, 1 puts, 2 joins.
static Task<> destroys_with_waiter(int kind) {
    auto queue = std::make_unique<Queue<int>>(1);
    Numbers numbers;
    int joined = 0;
    if (kind == 0) {
        eddy::spawn(gets(*queue, numbers)).detach();
    } else {
        co_await queue->put(1);
        eddy::spawn(kind == 1 ? puts(*queue, 2, numbers) : joins(*queue, joined)).detach();
    }
    co_await settle();
    queue.reset();
}

TEST_CASE("destroying a queue that jobs wait on is a broken contract") {
    for (const int kind : {0, 1, 2}) {
        eddy::testing::check_aborts("a Queue was destroyed while jobs wait on it",
                                    [kind] { return destroys_with_waiter(kind); });
    }
}

EDDY_TEST_CASE("a bounded queue that has been full keeps no less room than its bound") {
    constexpr std::size_t bound = 20'000;
    eddy::Queue<int> queue(bound);
    for (int round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < bound; ++i) {
            CHECK(queue.try_put(static_cast<int>(i)));
        }
        CHECK_FALSE(queue.try_put(0));
        for (std::size_t i = 0; i < bound; ++i) {
            CHECK(queue.try_get() == static_cast<int>(i));
        }
    }
    co_return;
}
