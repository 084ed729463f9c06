// SPDX-License-Identifier: MIT
// Random programs on futures, beside a model that is a list of waiters and at most one result.
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/future.hpp>
#include <eddy/select.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::Future;
using eddy::Promise;
using eddy::Task;

std::string name_of(std::exception_ptr error) {
    try {
        std::rethrow_exception(std::move(error));
    } catch (const eddy::BrokenResource&) {
        return "broken";
    } catch (const std::runtime_error& failure) {
        return failure.what();
    }
}

Task<std::string> read(Future<int> future) {
    std::exception_ptr error;
    try {
        const int value = co_await future;
        co_return std::to_string(value);
    } catch (const std::runtime_error&) {
        error = std::current_exception();
    }
    co_return name_of(error);
}

/// The first of two to have a result.
Task<std::string> read_either(Future<int> a, Future<int> b) {
    std::exception_ptr error;
    try {
        const auto got = co_await eddy::select(a, b);
        const int value = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
        co_return std::to_string(value);
    } catch (const std::runtime_error&) {
        error = std::current_exception();
    }
    co_return name_of(error);
}

class FutureProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    struct Waiter {
        int job = 0;
        std::size_t a = 0;
        std::size_t b = 0;
    };
    struct Line {
        std::unique_ptr<Promise<int>> promise = std::make_unique<Promise<int>>();
        Future<int> future = promise->future();
        std::string result = {};
    };

    Task<> step() override {
        const auto operations = pick(1, 4);
        for (std::int64_t i = 0; i < operations; ++i) {
            co_await operate();
        }
    }

    Task<> operate() {
        if (lines_.size() < 2 || one_in(12)) {
            lines_.emplace_back();
        }
        switch (pick(0, 3)) {
            case 0:
            case 1:
                co_await begin_wait();
                break;
            case 2:
                set(pick_index(lines_.size()));
                break;
            case 3:
                cancel_one();
                break;
        }
    }

    /// The job waits before the next operation.
    Task<> begin_wait() {
        Waiter waiter{0, pick_index(lines_.size()), pick_index(lines_.size())};
        if (one_in(2)) {
            waiter.b = waiter.a;
        }
        const Future<int>& a = lines_[waiter.a].future;
        const Future<int>& b = lines_[waiter.b].future;
        waiter.job = waiter.a == waiter.b ? start(read(a)) : start(read_either(a, b));
        waiting_.push_back(waiter);
        const std::string result = result_of(waiter);
        if (!result.empty()) {
            waiting_.pop_back();
            expect(waiter.job, result);
        }
        co_await eddy::testing::settle();
    }

    [[nodiscard]] std::string result_of(const Waiter& waiter) const {
        const std::string& first = lines_[waiter.a].result;
        return first.empty() ? lines_[waiter.b].result : first;
    }

    void set(std::size_t index) {
        Line& line = lines_[index];
        const bool open = line.result.empty();
        const auto number = pick(0, 99);
        if (number < 60) {
            CHECK((!line.promise || line.promise->try_set_value(static_cast<int>(number)) == open));
            settle_line(index, std::to_string(number));
        } else if (number < 80) {
            const auto error = std::make_exception_ptr(std::runtime_error("failed"));
            CHECK((!line.promise || line.promise->try_set_exception(error) == open));
            settle_line(index, "failed");
        } else {
            line.promise.reset();
            settle_line(index, "broken");
        }
    }

    void settle_line(std::size_t index, const std::string& result) {
        if (!lines_[index].result.empty()) {
            return;
        }
        lines_[index].result = result;
        std::vector<Waiter> left;
        for (const Waiter& waiter : waiting_) {
            if (waiter.a == index || waiter.b == index) {
                expect(waiter.job, result);
            } else {
                left.push_back(waiter);
            }
        }
        waiting_ = left;
    }

    void cancel_one() {
        if (!waiting_.empty()) {
            const std::size_t index = pick_index(waiting_.size());
            cancel(waiting_[index].job);
            expect(waiting_[index].job, "cancelled");
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }

    void compare() override {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            std::size_t waiters = 0;
            for (const Waiter& waiter : waiting_) {
                waiters += waiter.a == i || waiter.b == i ? 1 : 0;
            }
            CHECK(lines_[i].future.statistics().waiters == waiters);
            CHECK(lines_[i].future.done() == !lines_[i].result.empty());
        }
    }

    Task<> finish() override {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            lines_[i].promise.reset();
            settle_line(i, "broken");
            static_cast<void>(lines_[i].future.error());  // a failure may have had no reader
        }
        co_return;
    }

    std::vector<Line> lines_;
    std::vector<Waiter> waiting_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to futures what they do to their model", FutureProgram)
