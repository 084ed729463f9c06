// SPDX-License-Identifier: MIT
#include <stdexcept>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

// Results whose move throws: that is how their task ends for whoever wants them.

namespace {

using eddy::Task;

/// Each object that is moved from it has one move less; without any left the move throws.
class Moves final {
public:
    explicit Moves(int left) : left_(left) {}
    Moves(const Moves&) = delete;
    Moves& operator=(const Moves&) = delete;
    Moves(Moves&& other) : left_(other.left_ - 1) {
        if (left_ < 0) {
            throw std::runtime_error("it does not move");
        }
    }
    Moves& operator=(Moves&&) = delete;
    ~Moves() = default;

private:
    int left_;
};

Task<Moves> brings(int moves) {
    co_await eddy::yield();
    co_return Moves(moves);
}

/// How a job with such a result ends for who awaits it: 0 well, 1 with the error of the move.
Task<int> ending_of_job(int moves) {
    auto job = eddy::spawn(brings(moves));
    co_await job.wait();
    int ending = 0;
    try {
        static_cast<void>(co_await job);
    } catch (const std::runtime_error&) {
        ending = 1;
    }
    co_return ending;
}

Task<int> ending_in_scope(int moves) {
    eddy::CancelScope scope;
    int ending = 0;
    try {
        const auto outcome = co_await eddy::with_scope(scope, brings(moves));
        CHECK(outcome.has_value());
    } catch (const std::runtime_error&) {
        ending = 1;
    }
    co_return ending;
}

/// Calls with more moves each time, until one is enough. Returns how many were not.
Task<int> failures_before(Task<int> (*ending_of)(int)) {
    int moves = 0;
    int ending = -1;
    while (ending != 0 && moves < 100) {
        ending = co_await ending_of(moves);
        moves += ending == 0 ? 0 : 1;
    }
    co_return moves;
}

}  // namespace

EDDY_TEST_CASE("a job whose result cannot be moved has failed with what the move threw") {
    const int moves = co_await failures_before(&ending_of_job);
    CHECK(moves > 1);
    CHECK(moves < 10);
}

EDDY_TEST_CASE("a scope whose result cannot be moved ends with what the move threw") {
    const int moves = co_await failures_before(&ending_in_scope);
    CHECK(moves > 1);
    CHECK(moves < 10);
}
