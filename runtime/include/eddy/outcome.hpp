// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

namespace eddy::inline v0_1 {

namespace detail {

struct Unit final {
    friend bool operator==(Unit, Unit) = default;
};

/// What a `T` is kept as: itself, a pointer for a reference, `Unit` for void.
template <class T>
using Stored = std::conditional_t<
    std::is_void_v<T>,
    Unit,
    std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<std::remove_reference_t<T>>, T>>;

/// Turns a `Stored<T>` back into the `T` it stands for.
template <class T>
T restore(Stored<T>&& stored) {
    if constexpr (std::is_void_v<T>) {
        static_cast<void>(stored);
    } else if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(*stored);
    } else {
        return std::move(stored);
    }
}

}  // namespace detail

/// How a task ended: with a value, with an exception, or cancelled.
///
///     for (Outcome<int>& outcome : co_await gather_settled(std::move(tasks))) {
///         if (outcome.has_value()) use(outcome.value());
///     }
template <class T>
class [[nodiscard]] EDDY_VISIBLE Outcome final {
public:
    Outcome() noexcept = default;
    explicit Outcome(detail::Stored<T> value) : value_(std::move(value)) {}
    explicit Outcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}
    /// Of a job that somebody cancelled, seen by another one: `error` is a `JobCancelled`.
    [[nodiscard]] static Outcome job_cancelled(std::exception_ptr error) noexcept {
        Outcome outcome(std::move(error));
        outcome.job_cancelled_ = true;
        return outcome;
    }

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    /// The exception, null when there is a value.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    /// True when it ended by a cancellation.
    [[nodiscard]] bool cancelled() const noexcept {
        return job_cancelled_ || (error_ != nullptr && detail::is_cancelled(error_));
    }

    /// The value, moved out, or throws what the task threw.
    T value() {
        if (error_) {
            std::rethrow_exception(error_);
        }
        if (!value_) {
            throw InvalidState(
                "the task has no result: it flowed off its end without co_return, or the result "
                "was taken before");
        }
        return detail::restore<T>(std::move(*value_));
    }

private:
    // Invariant: not both.
    std::optional<detail::Stored<T>> value_;
    std::exception_ptr error_;
    bool job_cancelled_ = false;
};

}  // namespace eddy::inline v0_1
