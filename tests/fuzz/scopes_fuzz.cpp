// SPDX-License-Identifier: MIT
// Programs of sleeps, scopes, shields, deadlines, groups and cancellations end exactly as a model
// says that they do: each step in its way and at its moment. See scopes/. With FUZZ_PRINT set it
// shows each.
// Mistakes: late_deadline early_sleep deaf_shield greedy_scope lone_failure
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/observer.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "fuzz.hpp"
#include "scopes/tree.hpp"

namespace eddy::fuzz {
namespace {

class Failed final : public std::runtime_error {
public:
    explicit Failed(std::size_t number) : std::runtime_error("a step failed"), number_(number) {}
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

private:
    std::size_t number_;
};

/// The program as the library runs it.
struct Real {
    Real(const Tree& program, const testing::VirtualClock& virtual_clock)
        : tree(program),
          clock(virtual_clock),
          ends(program.steps.size()),
          scopes(program.steps.size()),
          groups(program.steps.size()),
          jobs(program.steps.size()) {
        for (const std::size_t number : program.scopes) {
            const Step& step = *program.steps[number];
            ScopeOptions options;
            if (step.has_timeout()) {
                options.timeout = Duration(step.nanoseconds() + (planted("late_deadline") ? 1 : 0));
            }
            options.shield = step.has_shield();
            scopes[number] = std::make_unique<CancelScope>(options);
        }
    }

    void note(std::size_t number, Way way, std::vector<std::size_t> failures = {}) {
        std::sort(failures.begin(), failures.end());
        End& end = ends[number];
        FUZZ_REQUIRE(end.way == Way::not_run);
        end.way = way;
        end.at = clock.now().time_since_epoch().count();
        end.failures = std::move(failures);
    }

    const Tree& tree;
    const testing::VirtualClock& clock;
    Ends ends;
    std::vector<std::unique_ptr<CancelScope>> scopes;  // by number, as the others
    std::vector<TaskGroup*> groups;                    // null unless open
    std::vector<JoinHandle<void>> jobs;
};

std::vector<std::size_t> failures_in(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Failed& failed) {
        return {failed.number()};
    } catch (const ExceptionGroup& group) {
        std::vector<std::size_t> all;
        group.for_each<Failed>([&all](const Failed& failed) { all.push_back(failed.number()); });
        return all;
    }
}

Task<> run_steps(Real& real, const Steps& steps);

/// Notes how the work ends, and lets pass what it throws.
Task<> noted(Real& real, std::size_t number, Task<> work) {
    try {
        co_await std::move(work);
    } catch (const Cancelled&) {
        real.note(number, Way::cancelled);
        throw;
    } catch (...) {
        real.note(number, Way::failed, failures_in(std::current_exception()));
        throw;
    }
    real.note(number, Way::done);
}

Task<> scope(Real& real, const Step& step) {
    bool done = false;
    const struct Source {
        explicit Source(Real& r, std::size_t n) : real(r), number(n) {}
        ~Source() {
            const CancelScope& scope = *real.scopes[number];
            real.ends[number].source =
                scope.cancel_called() ? static_cast<int>(scope.cancel_source()) : -1;
            FUZZ_REQUIRE(scope.cancelled_caught() == (real.ends[number].way == Way::absorbed));
        }
        Real& real;
        std::size_t number;
    } source(real, step.number);
    try {
        done = co_await with_scope(*real.scopes[step.number], run_steps(real, step.inside));
    } catch (const Cancelled&) {
        if (planted("greedy_scope") && real.scopes[step.number]->cancel_called()) {
            real.note(step.number, Way::absorbed);
            co_return;
        }
        real.note(step.number, Way::cancelled);
        throw;
    } catch (...) {
        real.note(step.number, Way::failed, failures_in(std::current_exception()));
        throw;
    }
    real.note(step.number, done ? Way::done : Way::absorbed);
}

Task<> fail_by(const Step& step, Task<> work) {
    try {
        co_await fail_after(Duration(step.nanoseconds()), std::move(work));
    } catch (const TimedOut&) {
        throw Failed(step.number);
    }
}

Task<> group_body(TaskGroup& group, Real* real, const Step* step) {
    real->groups[step->number] = &group;
    co_await run_steps(*real, step->inside);
}

Task<> group(Real& real, const Step& step) {
    std::exception_ptr error;
    try {
        co_await with_task_group(&group_body, &real, &step);
    } catch (...) {
        error = std::current_exception();
    }
    real.groups[step.number] = nullptr;
    if (error) {
        std::rethrow_exception(error);
    }
}

Task<> child(Real& real, const Step& step) {
    Task<> body = noted(real, step.number, run_steps(real, step.inside));
    const std::size_t around = real.tree.group_of[step.number];
    if (around == 0 || planted("lone_failure")) {
        real.jobs[step.number] = spawn(std::move(body));
    } else {
        real.jobs[step.number] = real.groups[around]->spawn(std::move(body));
    }
    co_return;
}

Task<> catching(Real& real, const Step& step) {
    try {
        co_await noted(real, step.number, run_steps(real, step.inside));
    } catch (const std::exception&) {
        co_return;  // it is noted; Cancelled passes
    }
}

Task<> sleep_or_yield(const Step& step) {
    Duration delay(step.nanoseconds());
    if (planted("early_sleep") && delay > Duration(2)) {
        delay -= Duration(1);
    }
    if (step.what == Do::yield) {
        co_await yield();
    } else {
        co_await sleep_for(delay);
    }
}

Task<> nap(Real& real, const Step& step) {
    End& end = real.ends[step.number];
    end.deadline = current_effective_deadline().time_since_epoch().count();
    try {
        co_await noted(real, step.number, sleep_or_yield(step));
    } catch (const Cancelled& cancelled) {
        // Behind a shield that went up after it was cancelled, it may say anything.
        const bool in_sight = current_effective_deadline() == TimePoint::min();
        end.source = in_sight ? static_cast<int>(cancelled.source()) : -1;
        throw;
    }
}

void cancel(Real& real, const Step& step) {
    if (real.tree.targets.empty()) {
        return;
    }
    const std::size_t target = real.tree.targets[step.a % real.tree.targets.size()];
    if (CancelScope* const one = real.scopes[target].get()) {
        one->cancel();
    } else if (TaskGroup* const open = real.groups[target]) {
        open->cancel();
    } else if (real.jobs[target].valid()) {
        real.jobs[target].cancel();
    }
}

Task<> change(Real& real, const Step& step) {
    if (step.what == Do::cancel) {
        cancel(real, step);
        co_return;
    }
    if (real.tree.scopes.empty()) {
        co_return;
    }
    CancelScope& target = *real.scopes[real.tree.scopes[step.a % real.tree.scopes.size()]];
    if (step.what == Do::set_deadline) {
        target.set_deadline(real.clock.now() + Duration(step.nanoseconds()));
    } else if (!planted("deaf_shield")) {
        target.set_shield(step.b % 2 == 0);
    }
}

Task<> fail(const Step& step) {
    throw Failed(step.number);
    co_return;
}

Task<> run_step(Real& real, const Step& step) {
    switch (step.what) {
        case Do::scope:
            return scope(real, step);
        case Do::fail_after:
            return noted(real, step.number, fail_by(step, run_steps(real, step.inside)));
        case Do::group:
            return noted(real, step.number, group(real, step));
        case Do::child:
            return child(real, step);
        case Do::catch_failures:
            return catching(real, step);
        case Do::sleep:
        case Do::yield:
            return nap(real, step);
        case Do::fail:
            return noted(real, step.number, fail(step));
        default:
            return change(real, step);
    }
}

Task<> run_steps(Real& real, const Steps& steps) {
    for (const Step& step : steps) {
        co_await run_step(real, step);
    }
}

Task<> run_all(Real& real) {
    real.jobs[0] = spawn(noted(real, 0, run_steps(real, real.tree.main)));
    bool all_done = false;
    while (!all_done) {
        all_done = true;
        for (JoinHandle<void>& job : real.jobs) {
            if (job.valid() && !job.done()) {
                all_done = false;
                co_await job.wait();
            }
        }
    }
    for (JoinHandle<void>& job : real.jobs) {
        job.detach();
    }
}

Ends run(const Tree& tree, std::optional<std::uint64_t> schedule) {
    testing::VirtualClock clock;
    Observer silent;
    Real real(tree, clock);
    Loop loop({.clock = &clock, .observer = &silent, .schedule_seed = schedule});
    loop.run(run_all(real));
    FUZZ_REQUIRE(loop.statistics().jobs_alive == 0);
    FUZZ_REQUIRE(loop.statistics().deadlines == 0);
    return std::move(real.ends);
}

/// Jobs that are ready at one moment may run in any order, and a program may notice: then one of
/// these orders is what happened.
void compare(const Tree& tree, const Ends& real) {
    const Ends in_order = predict(tree);
    if (std::getenv("FUZZ_PRINT") != nullptr) {
        print(tree, real, in_order);
    }
    if (real == in_order) {
        return;
    }
    for (std::uint64_t order = 1; order <= 3000; ++order) {
        if (predict_like(tree, order, real) == real) {
            return;
        }
    }
    print(tree, real, in_order);
    broken("it ended as in no order of the model", __FILE__, __LINE__);
}

}  // namespace
}  // namespace eddy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace eddy::fuzz;
    Tree tree;
    parse(Bytes(data, size), tree);
    compare(tree, run(tree, std::nullopt));
    compare(tree, run(tree, size));
    return 0;
}
