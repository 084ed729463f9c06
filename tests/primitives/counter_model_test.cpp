// SPDX-License-Identifier: MIT
// Random programs on a Counter, beside a model that is a plain list of waiters in order.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

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

/// How it ended: with which value, or "closed", or "threw".
Task<std::string> outcome(Counter& counter, Waiter waiter) {
    try {
        const std::int64_t value = co_await wait(counter, waiter);
        co_return std::to_string(value);
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    } catch (const std::runtime_error&) {
        co_return "threw";
    }
}

class CounterProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    Task<> step() override {
        for (std::int64_t operations = pick(1, 4); operations > 0; --operations) {
            const std::int64_t what = pick(0, 99);
            if (what < 40) {
                begin_wait();
                co_await eddy::testing::settle();  // a wait begins before the next operation
            } else if (what < 85) {
                change();
            } else if (what < 95) {
                cancel_one();
            }
        }
    }

    Task<> finish() override {
        counter_.close();
        for (const Waiter& waiter : waiting_) {
            expect(waiter.id, "closed");
        }
        waiting_.clear();
        co_return;
    }

    void compare() override {
        std::size_t places = waiting_.size();
        for (const Waiter& waiter : waiting_) {
            places += waiter.kind == Kind::either ? 1 : 0;
        }
        CHECK(counter_.value() == value_);
        CHECK(counter_.statistics().waiters == places);
        CHECK(counter_.statistics().updates == updates_);
    }

    void begin_wait() {
        Waiter waiter{0, static_cast<Kind>(pick(0, 7)), pick(low + 6, high)};
        waiter.id = start(outcome(counter_, waiter));
        if (waiter.kind != Kind::change && matches(waiter, value_)) {
            expect(waiter.id, ended(waiter));
        } else {
            waiting_.push_back(waiter);
        }
    }

    [[nodiscard]] std::string ended(const Waiter& waiter) const {
        return waiter.kind == Kind::throws_at ? "threw" : std::to_string(value_);
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
                expect(waiter.id, ended(waiter));
            }
        }
        waiting_ = left;
    }

    void cancel_one() {
        if (waiting_.empty()) {
            return;
        }
        const auto victim =
            waiting_.begin() + static_cast<std::ptrdiff_t>(pick_index(waiting_.size()));
        cancel(victim->id);
        expect(victim->id, "cancelled");
        waiting_.erase(victim);
    }

    Counter counter_{0, {.min = low, .max = high}};
    std::int64_t value_ = 0;
    std::uint64_t updates_ = 0;
    std::vector<Waiter> waiting_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a counter what they do to its model", CounterProgram)
