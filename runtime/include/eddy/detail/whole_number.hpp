// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// An object that converts to integers, and to nothing that would lose its fraction on the way: an
/// unscoped enumerator, `std::integral_constant`, `std::atomic<int>`.
template <class T>
concept ConvertsToInteger = !std::is_arithmetic_v<T> && (
    requires(const T& object) { std::int64_t{object}; } ||
    requires(const T& object) { std::uint64_t{object}; });

[[noreturn]] EDDY_API void throw_negative(const char* what);
[[noreturn]] EDDY_API void throw_negative(const char* what, std::int64_t number);
[[noreturn]] EDDY_API void throw_too_large(const char* what, std::uint64_t most);

/// A number of things, as callers give it: a count, a capacity, a limit, an amount. What takes one
/// takes this, so that nothing is lost silently:
///
///     explicit Semaphore(WholeNumber<std::int64_t> initial);   // Semaphore(2.7): does not compile
///     open_channel<int>(WholeNumber<std::size_t> capacity);    // -1: std::invalid_argument
///
/// A floating point number and a `bool` do not compile. An integer that does not fit into `N`, like
/// a negative one into `std::size_t`, is remembered as that: `checked` throws. So every function
/// can say its own name, and converting never throws.
///
/// Cost: an integer and a flag, which the compiler sees through where the number is constant.
template <std::integral N>
class WholeNumber final {
public:
    // NOLINTBEGIN(google-explicit-constructor): it is a number, seen by who takes it
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    constexpr WholeNumber(T number) noexcept
        : value_(static_cast<N>(number)),
          fit_(std::in_range<N>(+number) ? Fit::fits
               : number < T{0}           ? Fit::negative
                                         : Fit::too_large) {}
    template <class T>
        requires ConvertsToInteger<std::remove_cvref_t<T>>
    constexpr WholeNumber(const T& object) : WholeNumber(integer(object)) {}

    template <std::floating_point T>
    WholeNumber(T a_whole_number_is_wanted_here) = delete;  // a whole number is wanted here
    template <std::same_as<bool> T>
    WholeNumber(T a_whole_number_is_wanted_here) = delete;  // a whole number is wanted here

    // For fields of options, which are counted up and scaled as the integers they were.
    constexpr WholeNumber& operator+=(N number) { return *this = checked("options") + number; }
    constexpr WholeNumber& operator-=(N number) { return *this = checked("options") - number; }
    constexpr WholeNumber& operator*=(N number) { return *this = checked("options") * number; }
    constexpr WholeNumber& operator/=(N number) { return *this = checked("options") / number; }
    constexpr WholeNumber& operator++() { return *this += N{1}; }
    constexpr WholeNumber& operator--() { return *this -= N{1}; }

    /// For fields of options. Throws: `std::invalid_argument` if it does not fit.
    constexpr operator N() const { return checked("options"); }
    // NOLINTEND(google-explicit-constructor)

    /// Throws: `std::invalid_argument`, which begins with `what`, if it does not fit into `N`.
    [[nodiscard]] constexpr N checked(const char* what) const {
        if (fit_ != Fit::fits) [[unlikely]] {
            if (fit_ == Fit::negative) {
                if constexpr (sizeof(N) == sizeof(std::int64_t)) {
                    throw_negative(what, static_cast<std::int64_t>(value_));
                } else {
                    throw_negative(what);  // which is cut short here
                }
            }
            throw_too_large(what, static_cast<std::uint64_t>(std::numeric_limits<N>::max()));
        }
        return value_;
    }

private:
    enum class Fit : std::uint8_t { fits, negative, too_large };

    template <class T>
    [[nodiscard]] static constexpr auto integer(const T& object) {
        if constexpr (requires { std::int64_t{object}; }) {
            return std::int64_t{object};
        } else {
            return std::uint64_t{object};
        }
    }

    N value_;
    Fit fit_;
};

/// Of things that are there or are not: negative ones never make sense.
using Count = WholeNumber<std::size_t>;
/// Of things that are added and taken away: who takes it says which it wants.
using Amount = WholeNumber<std::int64_t>;

}  // namespace eddy::inline v0_1::detail
