// SPDX-License-Identifier: MIT
// What is made of the others: flights, maps, retries; and the ways in from outside.
#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include <eddy/as_completed.hpp>
#include <eddy/cancel_handle.hpp>
#include <eddy/error.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/interval.hpp>
#include <eddy/loop.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/portal.hpp>
#include <eddy/retry.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

/// So many at a time.
class Counted final {
public:
    Counted(int& now, int most) noexcept : now_(now) { FUZZ_REQUIRE(++now_ <= most); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --now_; }

private:
    int& now_;
};

Task<> keyed(World& world, const Node& node) {
    const int key = node.a % 3;
    const Entry entry(world);
    const auto guard = co_await world.keyed.acquire(int{key});
    entry.passed();
    FUZZ_REQUIRE(!world.keyed_inside[key]);
    struct Inside {
        explicit Inside(bool& i) : inside(i) { inside = true; }
        ~Inside() { inside = false; }
        bool& inside;
    } inside(world.keyed_inside[key]);
    co_await run_block(world, node.body);
}

/// What a shared piece of work does: its failure reaches several, so those inside end here.
Task<int> shared_work(World* world, const Node* node, int* running, int result) {
    const Counted one(*running, 1);
    try {
        co_await run_block(*world, node->body);
    } catch (const Tagged&) {
        world->failures.caught(std::current_exception());
    } catch (const ExceptionGroup&) {
        world->failures.caught(std::current_exception());
    }
    if (node->b % 4 == 0) {
        throw Untagged();
    }
    co_return result;
}

Task<> flight(World& world, const Node& node) {
    const int key = node.a % 2;
    const Entry entry(world);
    const int value =
        co_await world.flights.get(key, &shared_work, &world, &node, &world.flying[key], 7 + key);
    entry.passed();
    FUZZ_REQUIRE(value == 7 + key);
}

Task<int> make_once(World* world, const Node* node) {
    FUZZ_REQUIRE(world->once_made == 0);
    const int value = co_await shared_work(world, node, &world->once_making, 9);
    ++world->once_made;
    co_return value;
}

Task<> once(World& world, const Node& node) {
    const Entry entry(world);
    const int value = co_await world.once.get_or_init(&make_once, &world, &node);
    entry.passed();
    FUZZ_REQUIRE(value == 9 && world.once_made == 1);
}

Task<> completed(World& world, const Node& node) {
    const std::size_t first = world.jobs.size();
    std::vector<int> seen(node.body.size());
    const auto tell = [](std::size_t index, int number, std::vector<int>* all, std::size_t from) {
        FUZZ_REQUIRE((*all)[index]++ == 0);
        FUZZ_REQUIRE(static_cast<std::size_t>(number) == from + index);
    };
    co_await as_completed(bodies(world, node.body), tell, &seen, first);
    FUZZ_REQUIRE(std::count(seen.begin(), seen.end(), 1) == std::ssize(seen));
}

Task<> mapped(World& world, const Node& node) {
    const int limit = 1 + node.a % 3;
    int running = 0;
    std::vector<int> items(node.body.size());
    std::iota(items.begin(), items.end(), 0);
    const auto work = [](int item, World* w, const Node* n, int* now, int most) -> Task<int> {
        const Counted one(*now, most);
        co_await run_block(*w, Operations(&n->body[static_cast<std::size_t>(item)], 1));
        co_return item;
    };
    if (node.b % 2 == 0) {
        const std::vector<int> all =
            co_await map_bounded(limit, items, work, &world, &node, &running, limit);
        FUZZ_REQUIRE(all == items);
    } else {
        const auto all =
            co_await map_bounded_settled(limit, items, work, &world, &node, &running, limit);
        FUZZ_REQUIRE(all.size() == items.size());
        for (const auto& outcome : all) {
            if (outcome.error()) {
                world.failures.caught(outcome.error());
            }
        }
    }
    FUZZ_REQUIRE(running == 0);
}

Task<> retried(World& world, const Node& node) {
    int attempts = 0;
    const int failing = node.b % 5;
    const auto attempt = [](World* w, const Node* n, int* made, int bad) -> Task<> {
        ++*made;
        int running = 0;
        const int value = co_await shared_work(w, n, &running, 1);
        static_cast<void>(value);
        if (*made <= bad) {
            throw Untagged();
        }
    };
    const RetryPolicy policy{.attempts = 3, .first_delay = std::chrono::milliseconds(1), .seed = 1};
    co_await retry(policy, attempt, &world, &node, &attempts, failing);
    FUZZ_REQUIRE(attempts == failing + 1 && attempts <= 3);
}

/// A callback that comes, some posts later: nothing else may hold up a virtual clock.
struct Later {
    World* world;
    Completion<int> done;
    int posts;
    bool fails;

    void operator()() {
        ++world->posts_run;
        if (posts > 0) {
            ++world->posted;
            if (Loop::current().handle().post(
                    Later{.world = world, .done = done, .posts = posts - 1, .fails = fails})) {
                return;
            }
            --world->posted;  // the loop is over; the wait ends with the last completion
        } else if (fails) {
            done.fail(std::make_exception_ptr(Untagged()));
        } else {
            done.resolve(5);
        }
    }
};

Task<> callback(World& world, const Node& node) {
    World* const shared = &world;
    const int posts = node.a % 4;
    const bool fails = node.b % 4 == 0;
    const auto start = [shared, posts, fails](Completion<int> done) {
        ++shared->posted;
        FUZZ_REQUIRE(Loop::current().handle().post(
            Later{.world = shared, .done = std::move(done), .posts = posts, .fails = fails}));
    };
    int value = 0;
    if (node.b % 3 == 0) {
        value = co_await from_callback<int>(start);
    } else {
        const Abort how = node.b % 3 == 1 ? Abort::done : Abort::requested;
        const auto abort = [how] { return how; };
        value = co_await from_callback<int>(start, abort);
    }
    FUZZ_REQUIRE(value == 5 && !fails);
}

Task<> tick(World& world, const Node& node) {
    const Duration period = std::chrono::milliseconds(1 + node.a % 4);
    const TimePoint began = world.now();
    Interval interval(period, MissedTick::burst);
    for (int i = 0; i <= node.b % 4; ++i) {
        const Entry entry(world);
        const TimePoint meant = co_await interval.tick();
        entry.passed();
        FUZZ_REQUIRE(meant == began + i * period && world.now() >= meant);
        co_await sleep_for(std::chrono::milliseconds(node.b / 4 % 8));
    }
}

Task<> cancel_by_handle(World& world, const Node& node) {
    if (CancelScope* const scope = pick_scope(world, node.a)) {
        const CancelHandle handle = scope->handle();
        const bool accepted = handle.cancel("through a handle");
        FUZZ_REQUIRE(accepted);
    }
    co_return;
}

/// On the loop, called from one of the pool's threads.
int add_post(World* world, bool fails) {
    ++world->posts_run;
    if (fails) {
        throw Untagged();
    }
    return world->posts_run;
}

int call_back(const Portal& portal, World* world, bool fails) {
    return portal.call(&add_post, world, fails);
}

Task<> through_portal(World& world, const Node& node) {
    if (world.pool == nullptr || world.ledger.torn) {
        co_return;
    }
    const Portal portal;
    const bool fails = node.b % 4 == 0;
    ++world.posted;
    bool ran = false;
    const int before = world.posts_run;
    try {
        const int count = co_await run_in_executor(*world.pool, &call_back, portal, &world, fails);
        FUZZ_REQUIRE(count > before);
        ran = true;
    } catch (const Untagged&) {
        ran = true;
    } catch (...) {  // cancelled before it ran, or while it did, or the loop is over
        world.may_not_post = true;
        throw;
    }
    FUZZ_REQUIRE(ran);
}

}  // namespace

Task<> more_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::keyed:
            return keyed(world, node);
        case Op::flight:
            return flight(world, node);
        case Op::once:
            return once(world, node);
        case Op::completed:
            return completed(world, node);
        case Op::mapped:
            return mapped(world, node);
        case Op::retried:
            return retried(world, node);
        case Op::callback:
            return callback(world, node);
        case Op::tick:
            return tick(world, node);
        case Op::cancel_handle:
            return cancel_by_handle(world, node);
        case Op::through_portal:
            return through_portal(world, node);
        default:
            broken("there is no more", __FILE__, __LINE__);
    }
}

}  // namespace eddy::fuzz
