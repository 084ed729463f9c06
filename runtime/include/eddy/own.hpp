// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// A callable handed over for good: what `own` returns.
template <class F>
class EDDY_VISIBLE Own final {
public:
    explicit Own(F&& fn) : fn_(std::move(fn)) {}

    template <class... Args>
        requires std::is_invocable_v<F&, Args...>
    decltype(auto) operator()(Args&&... args) {
        return std::invoke(fn_, std::forward<Args>(args)...);
    }

private:
    F fn_;
};

/// Moves a named callable into a function of this library.
///
///     auto body = [users = std::move(users)](TaskGroup& group) -> Task<> { ... };
///     co_await with_task_group(own(body));
///
/// It takes a name on purpose. g++ 12 destroys a temporary closure with non-trivial captures twice
/// when it stands inside a `co_await` expression, so write the closure down first; later compilers
/// do not need this.
template <class F>
[[nodiscard]] Own<F> own(F& fn) {
    static_assert(!std::is_const_v<F>, "eddy::own moves from the callable: declare it non-const");
    return Own<F>(std::move(fn));
}

namespace detail {

template <class F>
inline constexpr bool is_own = false;
template <class F>
inline constexpr bool is_own<Own<F>> = true;

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
template <class F>
inline constexpr bool safe_in_await =
    std::is_lvalue_reference_v<F> || std::is_trivially_destructible_v<std::remove_cvref_t<F>> ||
    is_own<std::remove_cvref_t<F>>;
#else
template <class F>
inline constexpr bool safe_in_await = true;
#endif

}  // namespace detail
}  // namespace eddy::inline v0_1

/// For functions that take a callable and may stand in a `co_await` expression: turns memory
/// corruption by g++ 12 into one readable error. A callable that was named and moved looks like a
/// temporary, so it is refused as well.
#define EDDY_CHECK_CALLABLE(F)                                                                   \
    static_assert(::eddy::detail::safe_in_await<F>,                                              \
                  "with g++ 12, name this callable (auto fn = [...]{...};) and pass "            \
                  "eddy::own(fn), also instead of std::move(fn): in a co_await expression that " \
                  "compiler would destroy a temporary one twice")
