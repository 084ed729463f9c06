// SPDX-License-Identifier: MIT
#include <eddy/testing/cancel_at.hpp>

#include <doctest/doctest.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/loop.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "inventory.hpp"

namespace eddy::testing {

namespace {

enum class Moment : bool { on_entry, while_waiting };

/// Cancels a scope at the n-th checkpoint of its loop.
class CancelAt final : public detail::CheckpointHook, public detail::LoopCallback {
public:
    CancelAt(std::size_t target, Moment moment) : target_(target), moment_(moment) {}

    CancelScope scope;
    bool fired = false;

    void at_checkpoint(detail::Job&) noexcept override {
        if (fired || seen_++ != target_) {
            return;
        }
        fired = true;
        if (moment_ == Moment::on_entry) {
            scope.cancel("cancel_at");
        } else {
            detail::thread_state.core->queue_callback(*this);
        }
    }
    void call() override { scope.cancel("cancel_at"); }

private:
    std::size_t target_;
    std::size_t seen_ = 0;
    Moment moment_;
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

bool run_cancelled(const std::function<Task<>()>& scenario, std::size_t target, Moment moment) {
    VirtualClock clock;
    RecordingObserver observer;
    CancelAt hook(target, moment);
    Loop loop({.clock = &clock, .observer = &observer});
    INFO(
        "cancelled ", moment == Moment::on_entry ? "on entry of" : "after", " checkpoint ", target);
    loop.run(leaving_unchanged(host(hook, scenario)));
    CHECK(loop.statistics().jobs_alive == 0);
    CHECK(loop.statistics().deadlines == 0);
    CHECK(observer.abandoned.empty());
    for (const RecordingObserver::Failure& failure : observer.failures) {
        FAIL_CHECK("a failure nobody collected, " << failure.where << ": " << failure.message);
    }
    return hook.fired;
}

}  // namespace

std::size_t cancel_at_each_checkpoint(const std::function<Task<>()>& scenario,
                                      const std::function<void()>& after) {
    std::size_t count = 0;
    for (const Moment moment : {Moment::on_entry, Moment::while_waiting}) {
        for (std::size_t target = 0;; ++target) {
            const bool fired = run_cancelled(scenario, target, moment);
            if (after) {
                after();
            }
            if (!fired) {
                count = target;
                break;
            }
        }
    }
    return count;
}

}  // namespace eddy::testing
