// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <utility>

namespace eddy::inline v0_1::detail {

/// What `make()` returns, as a failure that can be stored; if there is no memory to make it,
/// `std::bad_alloc` in its place. For code that must not throw: destructors, the ends of things.
///
///     error_ = failure_from([&] { return BrokenResource("nobody is left to send to " + name); });
template <class F>
[[nodiscard]] std::exception_ptr failure_from(F&& make) noexcept {
    try {
        return std::make_exception_ptr(std::forward<F>(make)());
    } catch (...) {
        return std::current_exception();
    }
}

}  // namespace eddy::inline v0_1::detail
