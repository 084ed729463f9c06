// SPDX-License-Identifier: MIT
// Random use of a resource pool, by jobs that fail, are cancelled and break what they get, beside
// counts that are too simple to be wrong.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/resource_pool.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/run_counts.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "resource_kit.hpp"

using namespace std::chrono_literals;

namespace {

using eddy::Task;
using eddy::testing::Ledger;
using eddy::testing::Thing;

using Pool = eddy::ResourcePool<Thing, int>;

constexpr std::size_t keys = 4;
constexpr int users = 8;
constexpr int rounds = 30;

/// One program: what its seed makes of it.
class Program final {
public:
    explicit Program(std::uint64_t seed, bool in_order)
        : random_(seed),
          in_order_(in_order),
          plain_(one_in(2)),
          limits_{.max_total = pick(1, 5),
                  .max_per_key = one_in(2) ? eddy::ResourcePoolOptions::no_limit : pick(1, 3),
                  .max_idle = one_in(2) ? eddy::ResourcePoolOptions::no_limit : pick(0, 2),
                  .max_idle_time = std::chrono::milliseconds(pick(0, 20)),
                  .max_lifetime = one_in(2) ? eddy::Duration::max() : 50ms,
                  .check_after = std::chrono::milliseconds(pick(0, 3)),
                  .on_drop = one_in(2) ? eddy::OnDrop::give_back : eddy::OnDrop::close},
          pool_(hooks(), limits_) {}

    Task<> run() {
        co_await eddy::with_task_group([this](eddy::TaskGroup& group) -> Task<> {
            for (int i = 0; i < users; ++i) {
                group.spawn(use());
            }
            for (int i = 0; i < 40; ++i) {
                co_await eddy::sleep_for(1ms);
                co_await eddy::testing::settle();
                judge();
            }
        });
        judge();
        CHECK(pool_.statistics().lent == 0);
        co_await pool_.drain();
        std::size_t made = 0;
        for (Ledger& ledger : ledgers_) {
            CHECK(ledger.alive.empty());
            CHECK(ledger.closed.size() == static_cast<std::size_t>(ledger.made));  // each once
            std::ranges::sort(ledger.closed);
            CHECK(std::ranges::adjacent_find(ledger.closed) == ledger.closed.end());
            made += ledger.closed.size();
        }
        const auto all = pool_.statistics();
        CHECK(all.broken + all.expired + all.idle_too_long + all.surplus + all.dropped +
                  all.retired ==
              all.made);
        CHECK(all.made == made);
    }

private:
    [[nodiscard]] std::size_t pick(std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>(low, high)(random_);
    }
    [[nodiscard]] bool one_in(std::size_t n) { return pick(1, n) == 1; }
    [[nodiscard]] Task<> nap() {
        co_await eddy::sleep_for(std::chrono::microseconds(pick(0, 1500)));
        ++steps_;
    }

    Pool::Hooks hooks() {
        Pool::Hooks all{.make = [this](const int& key) { return make(key); }};
        if (!plain_) {
            all.check = [this](Thing& thing) { return check(thing); };
            all.broken = [](const Thing& thing) { return thing.bad; };
        }
        return all;
    }

    Task<Thing> make(int key) {
        ++steps_;
        const auto index = static_cast<std::size_t>(key);
        struct Making {
            explicit Making(std::size_t& making) : count(making) { ++count; }
            Making(const Making&) = delete;
            Making& operator=(const Making&) = delete;
            ~Making() { end(); }
            void end() { count -= std::exchange(one, 0U); }
            std::size_t& count;
            std::size_t one = 1;
        } making(making_[index]);
        CHECK(alive(index) <= limits_.max_per_key.checked("limit"));
        CHECK(alive() <= limits_.max_total.checked("limit"));
        if (!plain_) {
            co_await nap();
            if (one_in(5)) {
                throw std::runtime_error("no such host");
            }
        }
        making.end();
        co_return Thing(ledgers_[index]);
    }
    Task<bool> check(Thing& thing) {
        co_await nap();
        if (one_in(8)) {
            throw std::runtime_error("reset by peer");
        }
        co_return !thing.bad && !one_in(8);
    }

    Task<> use() {
        for (int i = 0; i < rounds; ++i) {
            const auto key = static_cast<int>(pick(0, keys - 1));
            try {
                if (one_in(3)) {
                    co_await eddy::move_on_after(std::chrono::microseconds(pick(0, 2000)),
                                                 borrow(key));
                } else {
                    co_await borrow(key);
                }
            } catch (const std::runtime_error&) {
            }
            ++steps_;
            co_await nap();
        }
    }

    Task<> borrow(int key) {
        const int ticket = ++tickets_;
        const std::uint64_t before = ++steps_;
        Pool::Lease lease = co_await pool_.acquire(key);
        if (in_order_ && plain_ && steps_ != before) {  // it has waited
            int& last = served_[static_cast<std::size_t>(key)];
            CHECK(last < ticket);
            last = ticket;
        }
        ++steps_;
        CHECK(lease.key() == key);
        co_await nap();
        switch (pick(0, 5)) {
            case 0:
                lease->bad = true;
                break;
            case 1:
                lease.discard();
                break;
            case 2:
                lease.release();
                break;
            case 3:
                throw std::runtime_error("in the middle");
            default:
                break;
        }
    }

    /// Made, or being made.
    [[nodiscard]] std::size_t alive(std::size_t key) const {
        return making_[key] + ledgers_[key].alive.size();
    }
    [[nodiscard]] std::size_t alive() const {
        std::size_t all = 0;
        for (std::size_t key = 0; key < keys; ++key) {
            all += alive(key);
        }
        return all;
    }

    /// All is quiet.
    void judge() {
        const auto all = pool_.statistics();
        const std::size_t most = limits_.max_total.checked("limit");
        CHECK(all.lent + all.idle + all.making == alive());
        CHECK(alive() <= most);
        if (all.waiting != 0 && !(alive() == most && all.idle == 0)) {
            // There is room: so those who wait do so for keys that have no more.
            const std::size_t most_of_key = limits_.max_per_key.checked("limit");
            bool full = false;
            for (std::size_t key = 0; key < keys; ++key) {
                full = full || alive(key) == most_of_key;
            }
            CHECK(full);
        }
    }

    std::mt19937_64 random_;
    const bool in_order_;
    const bool plain_;  // nothing is checked, nothing fails
    const eddy::ResourcePoolOptions limits_;
    std::array<Ledger, keys> ledgers_;
    std::array<std::size_t, keys> making_{};
    std::array<int, keys> served_{};
    int tickets_ = 0;
    std::uint64_t steps_ = 0;  // goes on whenever a job does
    Pool pool_;
};

Task<> run_program(std::uint64_t seed, bool in_order) {
    Program program(seed, in_order);
    co_await program.run();
}

}  // namespace

TEST_CASE("random use of a resource pool keeps its limits and its order, and closes each once") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        eddy::testing::VirtualClock clock;
        const bool in_order = seed % 2 == 0;
        eddy::Loop loop(
            {.clock = &clock, .schedule_seed = in_order ? std::nullopt : std::optional(seed)});
        loop.run(run_program(seed, in_order));
        CHECK(loop.statistics().jobs_alive == 0);
    }
}
