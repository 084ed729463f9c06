// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// Throws: `InvalidState` in the name of `what`.
[[noreturn]] EDDY_API void throw_given_away(const char* what);

/// An item that an operation brings along. Given away, it is gone, and whoever awaits the operation
/// again is told so, unless a moved item is as good as new.
template <class T>
class BroughtItem final {
public:
    template <class U>
    explicit BroughtItem(std::in_place_t, U&& brought) : item(std::forward<U>(brought)) {}

    T item;  ///< to be moved from; `given` is said when that has happened

    void given() noexcept {
        if constexpr (!as_good_as_new) {
            given_ = true;
        }
    }

    /// Throws: `InvalidState`.
    void require([[maybe_unused]] const char* what) const {
        if constexpr (!as_good_as_new) {
            if (given_) [[unlikely]] {
                throw_given_away(what);
            }
        }
    }

private:
    static constexpr bool as_good_as_new = std::is_trivially_copyable_v<T>;

    bool given_ = false;
};

}  // namespace eddy::inline v0_1::detail
