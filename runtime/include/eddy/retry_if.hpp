// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// What `RetryIf` keeps the pointer of. `F` as of a forwarding reference.
template <class F>
concept PredicateFunction = std::convertible_to<F, bool (*)(const std::exception_ptr&)>;

/// One is as good as another: it can be made when it is called.
template <class F>
concept StatelessPredicate = std::is_empty_v<F> && std::is_default_constructible_v<F>;

}  // namespace detail

/// Which failures are worth another attempt: any callable that says so, called with each of them.
///
///     Budget budget;
///     const auto worth_it = [&budget](const std::exception_ptr&) { return budget.take(); };
///     co_await retry({.attempts = 5, .retry_if = worth_it}, fetch, url);
///
/// Refers to a callable that has a state, and never owns it: so that options with one in them can
/// stand in a `co_await` expression. A temporary one does not compile. Functions, and closures
/// without captures, have none, and may be temporary.
///
/// Lifetime: a callable with a state outlives the retry.
class EDDY_VISIBLE RetryIf final {
public:
    using Function = bool(const std::exception_ptr&);

    /// Empty: all of them.
    constexpr RetryIf() noexcept = default;
    // NOLINTBEGIN(google-explicit-constructor): it is the callable, seen by who takes it
    constexpr RetryIf(std::nullptr_t) noexcept {}
    constexpr RetryIf(Function* function) noexcept : function_(function) {}
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, RetryIf>)
    constexpr RetryIf(F&& predicate) noexcept {  // NOLINT(bugprone-forwarding-reference-overload)
        if constexpr (detail::PredicateFunction<F>) {
            function_ = predicate;
        } else if constexpr (!std::is_invocable_r_v<bool, F&, const std::exception_ptr&>) {
            static_assert(std::is_void_v<F>,
                          "retry_if is called as bool(const std::exception_ptr&), which this is "
                          "not");
        } else if constexpr (std::is_function_v<std::remove_pointer_t<std::decay_t<F>>>) {
            using Pointer = std::decay_t<F>;  // one that takes, or returns, something like it
            const Pointer function = predicate;
            if (function == nullptr) {
                return;
            }
            state_ = reinterpret_cast<void*>(function);
            call_ = [](void* state, const std::exception_ptr& error) -> bool {
                return reinterpret_cast<Pointer>(state)(error);
            };
        } else if constexpr (detail::StatelessPredicate<std::remove_cvref_t<F>>) {
            call_ = [](void*, const std::exception_ptr& error) -> bool {
                return std::remove_cvref_t<F>()(error);
            };
        } else if constexpr (!std::is_lvalue_reference_v<F>) {
            static_assert(std::is_void_v<F>,
                          "retry_if refers to a callable that has a state: name it, so that it "
                          "outlives the retry, const auto worth_it = ...; {.retry_if = worth_it}");
        } else {
            using Kept = std::remove_reference_t<F>;
            if constexpr (requires { bool(predicate == nullptr); }) {  // a std::function
                if (predicate == nullptr) {
                    return;
                }
            }
            // Of a const one too: the call gives the const back.
            state_ =
                const_cast<void*>(static_cast<const volatile void*>(std::addressof(predicate)));
            call_ = [](void* state, const std::exception_ptr& error) -> bool {
                return (*static_cast<Kept*>(state))(error);
            };
        }
    }
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] constexpr explicit operator bool() const noexcept {
        return function_ != nullptr || call_ != nullptr;
    }
    friend constexpr bool operator==(const RetryIf& one, std::nullptr_t) noexcept {
        return !static_cast<bool>(one);
    }

    /// Requires: it is not empty. Throws: what the callable throws.
    [[nodiscard]] bool operator()(const std::exception_ptr& error) const {
        return call_ != nullptr ? call_(state_, error) : function_(error);
    }

private:
    // Invariant: function_ == nullptr or call_ == nullptr.
    Function* function_ = nullptr;
    bool (*call_)(void* state, const std::exception_ptr& error) = nullptr;
    void* state_ = nullptr;
};

/// For `RetryPolicy::retry_if`: true for exceptions of these types.
///
///     const RetryPolicy policy{.attempts = 5, .retry_if = retry_on<IoError, TimedOut>};
template <class... Errors>
[[nodiscard]] bool retry_on(const std::exception_ptr& error) {
    const auto is = [&error]<class E>(std::type_identity<E>) {
        try {
            std::rethrow_exception(error);
        } catch (const E&) {
            return true;
        } catch (...) {
            return false;
        }
    };
    return (is(std::type_identity<Errors>()) || ...);
}

}  // namespace eddy::inline v0_1
