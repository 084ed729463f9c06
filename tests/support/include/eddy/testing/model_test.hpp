// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/scope.hpp>
#include <eddy/task.hpp>

/// Random programs on a primitive, beside a model of it that is too simple to be wrong.
///
///     class LockProgram final : public ModelProgram {
///     public:
///         using ModelProgram::ModelProgram;
///         Task<> step() override {
///             switch (pick(0, 2)) {
///                 case 0: waiting_.push_back(start(acquire())); break;  // and tell the model
///                 case 1: ...
///             }
///             co_return;
///         }
///     };
///     EDDY_MODEL_TEST("random programs do to a lock what they do to its model", LockProgram)
///
/// Each program runs twice, with first in first out scheduling and with ready jobs in random order.
/// Of every test case there are 250 programs; `EDDY_SEEDS=200` asks for 10,000, and for 50 more
/// with each further seed; `EDDY_SEED=17` for that one alone. A failure names its seed.

namespace eddy::testing {

/// One program: what it does comes from its seed, what should happen from the model in the class
/// derived from it. After each step everything settles, and the jobs that have ended must be those
/// that the model expected, with the results it expected.
class ModelProgram {
public:
    ModelProgram(std::uint64_t seed, bool in_order) : random_(seed), in_order_(in_order) {}
    ModelProgram(const ModelProgram&) = delete;
    ModelProgram& operator=(const ModelProgram&) = delete;
    virtual ~ModelProgram();

    /// Steps, then `finish`, comparing after each; the main job of the program's loop.
    Task<> run();

protected:
    /// One random operation or a few, without a settle in between where a race is the point.
    virtual Task<> step() = 0;
    /// Lets every job end.
    virtual Task<> finish() = 0;
    /// What can be checked of the primitive itself once all is quiet: its statistics, its value.
    virtual void compare() {}

    /// A number in [low, high].
    [[nodiscard]] std::int64_t pick(std::int64_t low, std::int64_t high);
    [[nodiscard]] bool one_in(std::int64_t n) { return pick(1, n) == 1; }
    /// A random element, by index. Requires: size > 0.
    [[nodiscard]] std::size_t pick_index(std::size_t size);

    /// Starts a job that does `body`; what that returns is how it ended. An escaping `Cancelled` is
    /// noted as "cancelled". It has not run yet when this returns.
    int start(Task<std::string> body);
    /// Cancels a job: its own scope, so other jobs do not notice.
    void cancel(int job);
    /// What the model says: the job ends before the next comparison, in this way. In order of ends
    /// where the schedule is in order.
    void expect(int job, std::string how);

    /// Settles and compares; `run` does so after each step. For the middle of one.
    Task<> check();

    [[nodiscard]] bool in_order() const noexcept { return in_order_; }
    /// How many steps a program has.
    int steps = 30;

private:
    struct End {
        int job = 0;
        std::string how;
        friend bool operator==(const End&, const End&) = default;
    };

    [[nodiscard]] static std::string text(const std::vector<End>& ends);
    Task<> record(int job, Task<std::string> body);

    std::mt19937_64 random_;
    bool in_order_;
    std::vector<std::unique_ptr<CancelScope>> scopes_;
    std::vector<End> ended_;
    std::vector<End> expected_;
};

using MakeProgram = std::function<std::unique_ptr<ModelProgram>(std::uint64_t seed, bool in_order)>;

/// Runs as many programs as the environment asks for, and says how many.
void run_model_test(const char* name, const MakeProgram& make);

}  // namespace eddy::testing

#define EDDY_MODEL_TEST(name, Program)                                                \
    TEST_CASE(name) {                                                                 \
        ::eddy::testing::run_model_test(name, [](std::uint64_t seed, bool in_order) { \
            return std::make_unique<Program>(seed, in_order);                         \
        });                                                                           \
    }
