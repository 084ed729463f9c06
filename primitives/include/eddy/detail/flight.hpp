// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/future_state.hpp>
#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

namespace eddy::inline v0_1::detail {

/// A function that runs once, in a job of its own, for all who wait for its result: a future whose
/// promise is that job. Its owner, a `SingleFlight` or `OnceCell`, is told first when it ends.
template <class Owner, class V>
class Flight : public FutureStateOf<V> {
public:
    explicit Flight(Owner& flies_for) noexcept : owner(&flies_for) {}

    Owner* owner;  // null once it has been told, or is gone
    JoinHandle<void> job;

    /// The owner goes first: nobody is left to wait for it.
    void disown() {
        owner = nullptr;
        job.cancel();
    }
};

/// Throws: `InvalidState` in the job of that flight, which would wait for itself.
EDDY_API void require_other_job(const JoinHandle<void>& flight, const char* what);

/// Throws: `InvalidState`: a call's function has flown, and it brought one, for one flight.
[[noreturn]] EDDY_API void throw_used(const char* what);
inline void use_function(bool& used, const char* what) {
    if (used) {
        throw_used(what);
    }
    used = true;
}

/// What the job of a flight holds: brings the result, or at its end the news that there is none.
template <class F>
class Pilot final {
public:
    explicit Pilot(F& flight) noexcept : flight_(flight) {}
    Pilot(Pilot&& other) noexcept = default;
    Pilot& operator=(Pilot&&) = delete;
    ~Pilot() {
        if (flight_ && !flight_->done()) {  // destroyed with its loop, or never started
            tell_owner();
            flight_->abandon("the flight's job was destroyed before it had a result");
        }
    }

    template <class... U>
    void bring(U&&... value) {
        flight_->value.emplace(std::forward<U>(value)...);
        tell_owner();
        flight_->finish();
    }
    void fail(std::exception_ptr error) noexcept {
        tell_owner();
        flight_->fail(std::move(error));
    }

private:
    void tell_owner() noexcept {
        if (auto* owner = std::exchange(flight_->owner, nullptr)) {
            owner->landed(*flight_);
        }
    }

    StateRef<F> flight_;
};

template <class V, class F, class Fn, class... Args>
Task<> fly(Pilot<F> pilot, Fn fn, Args... args) {
    std::exception_ptr error;
    std::exception_ptr cancelled;
    try {
        if constexpr (std::is_void_v<V>) {
            co_await std::invoke(fn, std::move(args)...);
            pilot.bring();
        } else if constexpr (std::is_reference_v<V>) {
            auto&& result = co_await std::invoke(fn, std::move(args)...);
            pilot.bring(std::addressof(result));
        } else {
            pilot.bring(co_await std::invoke(fn, std::move(args)...));
        }
    } catch (const Cancelled&) {
        cancelled = error = std::current_exception();
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        pilot.fail(std::move(error));
    }
    if (cancelled) {
        std::rethrow_exception(std::move(cancelled));
    }
}

/// Starts the job, in the loop's root group when `group` is null. It never runs inside this call.
///
/// Throws: what `spawn` throws; the flight has then ended.
template <class V, class F, class Fn, class... Args>
void take_off(TaskGroup* group, F& flight, Fn&& fn, Args&&... args) {
    Task<> task = fly<V, F, std::decay_t<Fn>, std::decay_t<Args>...>(
        Pilot<F>(flight), std::forward<Fn>(fn), std::forward<Args>(args)...);
    flight.job = group != nullptr ? group->spawn(std::move(task)) : spawn(std::move(task));
}

}  // namespace eddy::inline v0_1::detail
