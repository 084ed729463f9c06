// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/task_group.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// The caller's side of `TaskGroup::start`: holds the child until it has started.
class EDDY_API StartHost final : public Nursery {
public:
    /// Throws: `InvalidState` when the group has been left.
    explicit StartHost(Nursery& group);
    ~StartHost();

    void set_child(Job& child) noexcept { child_ = &child; }

    /// The child says "started": moves it into the group, unless the caller is cancelled and the
    /// group is not.
    ///
    /// Throws: `InvalidState` the second time.
    static void child_started(StartHost* host, bool& called);

    /// The group is destroyed, at the end of the loop: who still waits for a start in it lives on.
    static void group_gone(Nursery& group) noexcept;

    /// The child has moved or ended: leaves. Throws its failure, `Cancelled`, or that it ended
    /// without having started.
    void leave_after(Job& child, bool called);

private:
    void child_ended(Job&) noexcept override {}
    void leave_scope() noexcept;

    // Invariant: while it is entered and its group lives, it is in the list of that.
    Nursery* group_;
    StartHost* prev_ = nullptr;
    StartHost* next_ = nullptr;
    Job& job_;
    Job* child_ = nullptr;
    bool moved_ = false;
    bool entered_ = true;
};

template <class V>
struct StartState {
    StartHost* host = nullptr;  // null once `start` has returned
    bool called = false;
    LoopBound bound;  // made on the group's loop
    std::optional<Stored<V>> value;
};

}  // namespace detail

/// What a child of `TaskGroup::start` reports with: "I am listening, on this port".
///
/// Throws: `InvalidState` when called twice, `WrongThread` off its loop.
template <class V = void>
class EDDY_VISIBLE Started final {
public:
    explicit Started(std::shared_ptr<detail::StartState<V>> state) noexcept
        : state_(std::move(state)) {}

    /// `started(value)`: lets `start` return the value, and moves this job into the group. If the
    /// caller was cancelled meanwhile and the group was not, nothing moves, and the next checkpoint
    /// says so.
    template <class U = V>
    void operator()(U&& value) const
        requires(!std::is_void_v<V> && std::is_convertible_v<U &&, V>)
    {
        state_->bound.check("Started");
        if (!state_->called) {
            if constexpr (std::is_reference_v<V>) {
                V referent = std::forward<U>(value);
                state_->value.emplace(std::addressof(referent));
            } else {
                state_->value.emplace(std::forward<U>(value));
            }
        }
        detail::StartHost::child_started(state_->host, state_->called);
    }
    void operator()() const
        requires std::is_void_v<V>
    {
        state_->bound.check("Started");
        detail::StartHost::child_started(state_->host, state_->called);
    }

private:
    std::shared_ptr<detail::StartState<V>> state_;
};

namespace detail {

template <class V, class F, class... Args>
Task<V> start_in(Nursery& group, F fn, Args... args) {
    const std::source_location place = co_await caller_place();
    StartHost host(group);
    auto state = std::make_shared<StartState<V>>();
    state->host = &host;
    struct Forget {  // the child may call again, long after
        StartState<V>& state;
        explicit Forget(StartState<V>& s) : state(s) {}
        ~Forget() { state.host = nullptr; }
    } forget(*state);

    auto child = make_call_job(std::move(fn), Started<V>(state), std::move(args)...);
    host.set_child(*child);
    start_job(host, *child, {}, place);
    co_await host.join();
    host.leave_after(*child, state->called);
    if constexpr (!std::is_void_v<V>) {
        co_return restore<V>(std::move(*state->value));
    }
}

}  // namespace detail

template <class V, class F, class... Args>
Task<V> TaskGroup::start(F&& fn, Args&&... args) {
    if constexpr (detail::check_task_call<F, Started<V>, std::decay_t<Args>...>()) {
        return detail::start_in<V, std::decay_t<F>, std::decay_t<Args>...>(
            *this, std::forward<F>(fn), std::forward<Args>(args)...);
    } else {
        return detail::refused_as<V>();
    }
}

}  // namespace eddy::inline v0_1
