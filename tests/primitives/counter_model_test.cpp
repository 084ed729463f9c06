// SPDX-License-Identifier: MIT
// Random programs on a Counter, beside a model that is a plain list of waiters in order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

namespace {

using eddy::Counter;
using eddy::Task;

constexpr std::int64_t low = -8;
constexpr std::int64_t high = 24;

enum class Kind { at_least, at_most, zero, change, odd, equals, throws_at, either };

struct Waiter {
    int id = 0;
    Kind kind = Kind::change;
    std::int64_t threshold = 0;
};

/// How a wait ended: with which value, or "closed", "cancelled", "threw".
struct End {
    int id = 0;
    std::string how;
    friend bool operator==(const End&, const End&) = default;
};

bool matches(const Waiter& waiter, std::int64_t value) {
    switch (waiter.kind) {
        case Kind::at_least:
            return value >= waiter.threshold;
        case Kind::at_most:
            return value <= waiter.threshold;
        case Kind::zero:
            return value == 0;
        case Kind::change:
            return true;
        case Kind::odd:
            return value % 2 != 0;
        case Kind::equals:
        case Kind::throws_at:
            return value == waiter.threshold;
        case Kind::either:
            return value >= waiter.threshold || value <= waiter.threshold - 6;
    }
    return false;
}

Task<std::int64_t> wait(Counter& counter, Waiter waiter) {
    const std::int64_t threshold = waiter.threshold;
    switch (waiter.kind) {
        case Kind::at_least:
            co_return co_await counter.wait_at_least(threshold);
        case Kind::at_most:
            co_return co_await counter.wait_at_most(threshold);
        case Kind::zero:
            co_return co_await counter.wait_until_zero();
        case Kind::change:
            co_return co_await counter.wait_change();
        case Kind::odd:
            co_return co_await counter.wait_for([](std::int64_t value) { return value % 2 != 0; });
        case Kind::equals:
            co_return co_await counter.wait_for(
                [](std::int64_t value, std::int64_t wanted) { return value == wanted; }, threshold);
        case Kind::throws_at:
            co_return co_await counter.wait_for([threshold](std::int64_t value) {
                return value == threshold ? throw std::runtime_error("there") : false;
            });
        case Kind::either: {
            const auto got = co_await eddy::select(counter.wait_at_least(threshold),
                                                   counter.wait_at_most(threshold - 6));
            const std::int64_t value = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
            co_return value;
        }
    }
    co_return 0;
}

Task<> recorded(Counter& counter, Waiter waiter, std::vector<End>& ends) {
    std::string how;
    try {
        how = std::to_string(co_await wait(counter, waiter));
    } catch (const eddy::ClosedResource&) {
        how = "closed";
    } catch (const std::runtime_error&) {
        how = "threw";
    } catch (const eddy::Cancelled&) {
        ends.push_back({waiter.id, "cancelled"});
        throw;
    }
    ends.push_back({waiter.id, how});
}

/// One program: what it does comes from its seed, what should happen from the model.
class Program final {
public:
    Program(std::uint64_t seed, bool in_order) : random_(seed), in_order_(in_order) {}

    Task<> run() {
        for (int step = 0; step < 120; ++step) {
            const std::int64_t what = pick(0, 99);
            if (what < 40) {
                begin_wait();
            } else if (what < 85) {
                change();
            } else if (what < 95) {
                cancel_one();
            }
            if (pick(0, 2) == 0) {
                co_await compare();
            } else if (what < 40) {
                co_await eddy::testing::settle();  // a wait begins before the next step
            }
        }
        counter_.close();
        for (const Waiter& waiter : waiting_) {
            expected_.push_back({waiter.id, "closed"});
        }
        waiting_.clear();
        co_await compare();
    }

private:
    std::int64_t pick(std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
    }

    void begin_wait() {
        Waiter waiter{
            static_cast<int>(scopes_.size()), static_cast<Kind>(pick(0, 7)), pick(low + 6, high)};
        scopes_.push_back(std::make_unique<eddy::CancelScope>());
        if (waiter.kind != Kind::change && matches(waiter, value_)) {
            expected_.push_back(
                {waiter.id, waiter.kind == Kind::throws_at ? "threw" : std::to_string(value_)});
        } else {
            waiting_.push_back(waiter);
        }
        eddy::spawn(with_scope(*scopes_.back(), recorded(counter_, waiter, ends_))).detach();
    }

    void change() {
        const std::int64_t to = value_ + pick(-7, 7);
        const bool fits = to >= low && to <= high;
        bool refused = false;
        try {
            if (pick(0, 1) == 0) {
                counter_.add(to - value_);
            } else {
                counter_.set(to);
            }
        } catch (const std::out_of_range&) {
            refused = true;
        }
        CHECK(refused != fits);
        if (!fits || to == value_) {
            return;
        }
        value_ = to;
        ++updates_;
        std::vector<Waiter> left;
        for (const Waiter& waiter : waiting_) {
            if (!matches(waiter, value_)) {
                left.push_back(waiter);
            } else {
                expected_.push_back(
                    {waiter.id, waiter.kind == Kind::throws_at ? "threw" : std::to_string(value_)});
            }
        }
        waiting_ = left;
    }

    void cancel_one() {
        if (waiting_.empty()) {
            return;
        }
        const auto index = pick(0, static_cast<std::int64_t>(waiting_.size()) - 1);
        const auto victim = waiting_.begin() + index;
        scopes_[static_cast<std::size_t>(victim->id)]->cancel();
        expected_.push_back({victim->id, "cancelled"});
        waiting_.erase(victim);
    }

    Task<> compare() {
        CHECK(counter_.value() == value_);
        co_await eddy::testing::settle();
        std::size_t places = waiting_.size();
        for (const Waiter& waiter : waiting_) {
            places += waiter.kind == Kind::either ? 1 : 0;
        }
        CHECK(counter_.statistics().waiters == places);
        CHECK(counter_.statistics().updates == updates_);
        if (!in_order_) {
            const auto by_id = [](const End& a, const End& b) { return a.id < b.id; };
            std::sort(ends_.begin(), ends_.end(), by_id);
            std::sort(expected_.begin(), expected_.end(), by_id);
        }
        CHECK(ends_ == expected_);
    }

    std::mt19937_64 random_;
    bool in_order_;
    Counter counter_{0, {.min = low, .max = high}};
    std::int64_t value_ = 0;
    std::uint64_t updates_ = 0;
    std::vector<Waiter> waiting_;
    std::vector<std::unique_ptr<eddy::CancelScope>> scopes_;
    std::vector<End> expected_;
    std::vector<End> ends_;
};

Task<> run_program(std::uint64_t seed, bool in_order) {
    Program program(seed, in_order);
    co_await program.run();
}

}  // namespace

namespace doctest {
template <>
struct StringMaker<std::vector<End>> {
    static String convert(const std::vector<End>& ends) {
        std::string text;
        for (const End& end : ends) {
            text += std::to_string(end.id) + ": " + end.how + "  ";
        }
        return text.c_str();
    }
};
}  // namespace doctest

/// EDDY_SEEDS asks for more than the 200 of every day, EDDY_SEED for one alone.
TEST_CASE("random programs do to a counter what they do to its model, in the same order") {
    const char* more = std::getenv("EDDY_SEEDS");
    const char* one = std::getenv("EDDY_SEED");
    const std::uint64_t asked = more != nullptr ? std::strtoull(more, nullptr, 10) : 0;
    const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t last = one != nullptr ? first : std::max<std::uint64_t>(200, asked);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        for (const bool in_order : {true, false}) {
            INFO("EDDY_SEED=", seed, in_order ? ", FIFO" : ", random order");
            eddy::testing::VirtualClock clock;
            eddy::testing::RecordingObserver observer;
            const std::optional<std::uint64_t> schedule =
                in_order ? std::nullopt : std::optional<std::uint64_t>(seed);
            eddy::Loop loop({.clock = &clock, .observer = &observer, .schedule_seed = schedule});
            loop.run(run_program(seed, in_order));
            CHECK(observer.failures.empty());
            CHECK(observer.abandoned.empty());
        }
    }
}
