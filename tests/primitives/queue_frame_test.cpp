// SPDX-License-Identifier: MIT
// Queues whose jobs are destroyed in the middle of a wait, and what waits cost.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/awaiting.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "exchange_kit.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::LifoQueue;
using eddy::PriorityQueue;
using eddy::Queue;
using eddy::Task;
using eddy::testing::destroy_frames;
using eddy::testing::settle;
using eddy::testing::Tracked;

using Numbers = std::vector<int>;

/// In the frame of a job that waits; when it dies, its wait is over, and others may still wait.
template <class Q>
class ChecksAtEnd final {
public:
    explicit ChecksAtEnd(const Q& queue) : queue_(queue) {}
    ChecksAtEnd(const ChecksAtEnd&) = delete;
    ChecksAtEnd& operator=(const ChecksAtEnd&) = delete;
    ~ChecksAtEnd() {
        const eddy::QueueStatistics now = queue_.statistics();
        CHECK((now.getters == 0 || now.size == 0));
        CHECK((now.putters == 0 || now.size >= now.capacity));
    }

private:
    const Q& queue_;
};

template <class Q>
Task<> gets(Q& queue, Numbers& got) {
    const ChecksAtEnd<Q> checks(queue);
    const auto item = co_await queue.get();
    got.push_back(item.number());
}

template <class Q>
Task<> puts(Q& queue, int number, Numbers& done) {
    const ChecksAtEnd<Q> checks(queue);
    Tracked item(number);
    co_await queue.put(std::move(item));
    done.push_back(number);
}

template <class Q>
Numbers rest(Q& queue) {
    Numbers all;
    while (const std::optional<Tracked> item = queue.try_get()) {
        all.push_back(item->number());
    }
    return all;
}

/// Getters that have been given 1, 2, 3, ... and never run; then 11 and 12 are put.
template <class Q>
Numbers after_getters_died(Q& queue, int getters) {
    Numbers got;
    destroy_frames(
        [&] {
            for (int i = 0; i < getters; ++i) {
                eddy::spawn(eddy::shield(gets(queue, got))).detach();
            }
        },
        [&] {
            for (int i = 1; i <= getters; ++i) {
                CHECK(queue.try_put(Tracked(i)));
            }
            CHECK(queue.size() == 0);
            CHECK(queue.try_put(Tracked(11)));
            CHECK(queue.try_put(Tracked(12)));
        });
    CHECK(got.empty());
    CHECK(queue.statistics().getters == 0);
    CHECK(queue.statistics().unfinished == static_cast<std::uint64_t>(getters) + 2);
    return rest(queue);
}

}  // namespace

TEST_CASE("the item of a job that died before it ran is the first to come out again") {
    {
        Queue<Tracked> queue(2);
        CHECK(after_getters_died(queue, 1) == Numbers{1, 11, 12});
        LifoQueue<Tracked> stack(2);
        CHECK(after_getters_died(stack, 1) == Numbers{1, 12, 11});
        PriorityQueue<Tracked> sorted(2);
        CHECK(after_getters_died(sorted, 1) == Numbers{1, 11, 12});
    }
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("items of many dead jobs come back beyond the capacity, in the order of a heap") {
    PriorityQueue<Tracked> sorted(2);
    CHECK(after_getters_died(sorted, 5) == Numbers{1, 2, 3, 4, 5, 11, 12});
    Queue<Tracked> queue(2);
    Numbers all = after_getters_died(queue, 5);
    std::sort(all.begin(), all.end());
    CHECK(all == Numbers{1, 2, 3, 4, 5, 11, 12});
    CHECK(queue.try_put(Tracked(1)));  // and the bound holds again
    CHECK(queue.try_put(Tracked(2)));
    CHECK_FALSE(queue.try_put(Tracked(3)));
}

TEST_CASE("the item of a job that died goes to the next one that waits, if there is one") {
    Queue<Tracked> queue(1);
    Numbers got;
    destroy_frames(
        [&] {
            eddy::spawn(eddy::shield(gets(queue, got))).detach();
            eddy::spawn(eddy::shield(gets(queue, got))).detach();
        },
        [&] {
            CHECK(queue.try_put(Tracked(1)));
            CHECK(queue.statistics().getters == 1);
        });
    CHECK(queue.statistics().getters == 0);
    CHECK(rest(queue) == Numbers{1});  // the second died as well
}

TEST_CASE("a put that went in stays in when its job dies before it runs") {
    {
        Queue<Tracked> queue(1);
        CHECK(queue.try_put(Tracked(1)));
        Numbers done;
        destroy_frames(
            [&] {
                eddy::spawn(eddy::shield(puts(queue, 2, done))).detach();
                eddy::spawn(eddy::shield(puts(queue, 3, done))).detach();
            },
            [&] { CHECK(queue.try_get()); });
        CHECK(done.empty());
        CHECK(queue.statistics().putters == 0);
        CHECK(queue.statistics().unfinished == 2);
        CHECK(queue.size() == 1);
    }
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("an item that comes back after an immediate shutdown is dropped, and counts as done") {
    Queue<Tracked> queue(1);
    Numbers got;
    destroy_frames([&] { eddy::spawn(eddy::shield(gets(queue, got))).detach(); },
                   [&] {
                       CHECK(queue.try_put(Tracked(1)));
                       queue.shutdown(eddy::Shutdown::immediate);
                       CHECK(queue.statistics().unfinished == 1);
                   });
    CHECK(queue.statistics().unfinished == 0);
    CHECK(queue.size() == 0);
    CHECK(Tracked::alive() == 0);
}

/// Whatever is put and taken while frames die one by one, in whatever order: no item is lost, none
/// comes twice.
TEST_CASE("random frames die in a queue, and its items are all there") {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        INFO("seed ", seed);
        std::mt19937 random(seed);
        const auto pick = [&](int low, int high) {
            return std::uniform_int_distribution<int>(low, high)(random);
        };
        Queue<Tracked> queue(static_cast<std::size_t>(pick(1, 4)));
        Numbers done;
        Numbers in;
        Numbers out;
        int next = 100;
        destroy_frames(
            [&] {
                for (int i = pick(0, 6); i > 0; --i) {
                    eddy::spawn(eddy::shield(gets(queue, out))).detach();
                }
                for (int i = pick(0, 6); i > 0; --i) {
                    eddy::spawn(eddy::shield(puts(queue, i, done))).detach();
                }
            },
            [&] {
                for (int i = pick(0, 12); i > 0; --i) {
                    if (pick(0, 1) == 0) {
                        if (queue.try_put(Tracked(next))) {
                            in.push_back(next++);
                        }
                    } else if (const auto item = queue.try_get()) {
                        out.push_back(item->number());
                    }
                }
            });
        CHECK(queue.statistics().getters == 0);
        CHECK(queue.statistics().putters == 0);
        CHECK(queue.statistics().unfinished == queue.size() + out.size());
        CHECK(static_cast<std::size_t>(Tracked::alive()) == queue.size());
        const Numbers left = rest(queue);
        out.insert(out.end(), left.begin(), left.end());
        std::sort(out.begin(), out.end());
        CHECK(std::adjacent_find(out.begin(), out.end()) == out.end());
        CHECK(std::includes(out.begin(), out.end(), in.begin(), in.end()));
        std::sort(done.begin(), done.end());
        CHECK(std::includes(out.begin(), out.end(), done.begin(), done.end()));
    }
}

/// What the deaths of forty getters allocate, all told, when so many of them have been given items.
std::size_t allocated_by_deaths(int given) {
    Queue<Tracked> queue(1);
    Numbers got;
    std::size_t before = 0;
    destroy_frames(
        [&] {
            for (int i = 0; i < 40; ++i) {
                eddy::spawn(eddy::shield(gets(queue, got))).detach();
            }
        },
        [&] {
            for (int i = 0; i < given; ++i) {
                CHECK(queue.try_put(Tracked(i)));
            }
            before = eddy::testing::heap_counters().allocations;
        });
    CHECK(queue.size() == static_cast<std::size_t>(given));
    return eddy::testing::heap_counters().allocations - before;
}

TEST_CASE("giving items back allocates nothing") {
    static_cast<void>(allocated_by_deaths(0));  // the pools are warm now
    const std::size_t nothing_given = allocated_by_deaths(0);
    CHECK(allocated_by_deaths(41) == nothing_given);
}

/// A get that could finish at once, of a job whose budget is spent, is committed until the job
/// runs. To have several of them die, the test plays the part of their frames.
EDDY_TEST_CASE("jobs that got items at once and have not run may die, all of them") {
    Queue<Tracked> queue(1);
    Numbers done;
    CHECK(queue.try_put(Tracked(0)));
    for (int i = 1; i <= 4; ++i) {
        eddy::spawn(puts(queue, i, done)).detach();
        co_await settle();
    }
    std::vector<std::unique_ptr<Queue<Tracked>::Get<Tracked>>> gets;
    for (int i = 0; i < 4; ++i) {
        gets.push_back(std::make_unique<Queue<Tracked>::Get<Tracked>>(queue));
        CHECK(gets.back()->try_now());  // and lets the next put in
    }
    co_await settle();
    CHECK(done.size() == 4);
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (const auto& get : gets) {
        eddy::detail::WaiterAccess::pass_on(*get);
    }
    const std::size_t allocated = eddy::testing::heap_counters().allocations - before;
    CHECK(allocated == 0);
    CHECK(queue.size() == 5);
    CHECK(rest(queue) == Numbers{3, 2, 1, 0, 4});  // the last to die is the first to come out
    CHECK(Tracked::alive() == 0);
}

#if EDDY_HEAP_HOOKS
TEST_CASE("a put without memory leaves queue and item as they were") {
    Queue<std::unique_ptr<int>> queue(eddy::unbounded);
    CHECK(queue.try_put(std::make_unique<int>(0)));
    std::size_t size = 1;
    bool failed = false;
    while (!failed) {
        REQUIRE(size < 100);
        auto item = std::make_unique<int>(static_cast<int>(size));
        {
            eddy::testing::FailAllocation fail(0);
            try {
                failed = !queue.try_put(std::move(item));
            } catch (const std::bad_alloc&) {
                failed = true;
            }
            fail.stop();
        }
        CHECK((item != nullptr) == failed);
        size += failed ? 0 : 1;
        CHECK(queue.size() == size);
        CHECK(queue.statistics().unfinished == size);
    }
    CHECK(queue.try_put(nullptr));
    CHECK(queue.size() == size + 1);
}
#endif

EDDY_TEST_CASE_FIFO("waits of a queue allocate nothing") {
    Queue<int> queue(2);
    std::uint64_t got = 0;
    std::size_t allocated = 0;
    auto consumer = eddy::spawn(
        [](Queue<int>& q, std::uint64_t& count, std::size_t& used) -> Task<> {
            const std::size_t before = eddy::testing::heap_counters().allocations;
            for (int i = 0; i < 500; ++i) {
                co_await q.get();
                const auto item = co_await q.next();
                count += item ? 2U : 0U;
            }
            used = eddy::testing::heap_counters().allocations - before;
        },
        std::ref(queue),
        std::ref(got),
        std::ref(allocated));
    for (int i = 0; i < 1000; ++i) {
        co_await queue.put(i);
        if (i % 7 == 0) {
            co_await eddy::yield();
        }
    }
    co_await consumer;
    CHECK(got == 1000);
    CHECK(allocated == 0);
}
