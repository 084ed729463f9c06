// SPDX-License-Identifier: MIT
#include <eddy/testing/cancel_at.hpp>

#include <array>
#include <chrono>

#include <doctest/doctest.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/loop.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/run_counts.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "inventory.hpp"

namespace eddy::testing {

namespace {

enum class Moment : bool { on_entry, while_waiting };
enum class Cause : bool { call, deadline };

/// One way to lose a scope at a checkpoint.
struct Way {
    Moment moment;
    Cause cause;
    const char* name;
};

constexpr std::array ways = {
    Way{Moment::on_entry, Cause::call, "cancelled on entry of"},
    Way{Moment::while_waiting, Cause::call, "cancelled right after"},
    Way{Moment::on_entry, Cause::deadline, "out of time on entry of"},
    Way{Moment::while_waiting, Cause::deadline, "out of time while it waits at"},
};

/// Cancels a scope at the n-th checkpoint of its loop.
class CancelAt final : public detail::CheckpointHook, public detail::LoopCallback {
public:
    CancelAt(std::size_t target, const Way& way) : target_(target), way_(way) {}

    CancelScope scope;
    bool fired = false;

    void at_checkpoint(detail::Job&) noexcept override {
        if (fired || seen_++ != target_) {
            return;
        }
        fired = true;
        if (way_.cause == Cause::deadline) {
            // A deadline that has passed cancels at once; one just ahead comes as deadlines do,
            // from the heap, before every other that is not due yet.
            constexpr Duration ahead = std::chrono::nanoseconds(1);
            scope.set_deadline(way_.moment == Moment::on_entry ? now() : after(now(), ahead));
        } else if (way_.moment == Moment::on_entry) {
            scope.cancel("cancel_at");
        } else {
            detail::thread_state.core->queue_callback(*this);
        }
    }
    void call() override { scope.cancel("cancel_at"); }

    /// What the scope says of its end fits the way.
    void check() const {
        if (scope.cancel_called()) {
            CHECK(scope.cancel_source() == (way_.cause == Cause::deadline
                                                ? CancelSource::deadline
                                                : CancelSource::explicit_call));
        }
    }

private:
    std::size_t target_;
    std::size_t seen_ = 0;
    const Way& way_;
};

Task<> host(CancelAt& hook, const std::function<Task<>()>& scenario) {
    detail::LoopCore& core = *detail::thread_state.core;
    core.checkpoint_hook = &hook;
    struct Unhook {
        detail::LoopCore& core;
        explicit Unhook(detail::LoopCore& c) : core(c) {}
        ~Unhook() { core.checkpoint_hook = nullptr; }
    } unhook(core);
    const bool completed = co_await with_scope(hook.scope, scenario());
    static_cast<void>(completed);
}

bool run_cancelled(const std::function<Task<>()>& scenario,
                   std::size_t target,
                   const Way& way,
                   std::optional<std::uint64_t> seed) {
    VirtualClock clock;
    RecordingObserver observer;
    CancelAt hook(target, way);
    Loop loop({.clock = &clock, .observer = &observer, .schedule_seed = seed});
    INFO(way.name, " checkpoint ", target);
    loop.run(leaving_unchanged(host(hook, scenario)));
    hook.check();
    CHECK(loop.statistics().jobs_alive == 0);
    CHECK(loop.statistics().deadlines == 0);
    CHECK(observer.abandoned.empty());
    for (const RecordingObserver::Failure& failure : observer.failures) {
        FAIL_CHECK("a failure nobody collected, " << failure.where << ": " << failure.message);
    }
    run_counts().cancelled += hook.fired ? 1U : 0U;
    return hook.fired;
}

}  // namespace

std::size_t cancel_at_each_checkpoint(const std::function<Task<>()>& scenario,
                                      const std::function<void()>& after,
                                      std::optional<std::uint64_t> schedule_seed) {
    std::size_t count = 0;
    for (const Way& way : ways) {
        for (std::size_t target = 0;; ++target) {
            const bool fired = run_cancelled(scenario, target, way, schedule_seed);
            if (after) {
                after();
            }
            if (!fired) {
                count = target;
                break;
            }
        }
    }
    run_counts().checkpoints += count;
    return count;
}

}  // namespace eddy::testing
