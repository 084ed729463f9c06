// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

/// Checks that cannot throw: in destructors, in `noexcept` code, between our own parts.
///
/// `EDDY_REQUIRE` is always on and guards contracts a caller can break; its text says what to do.
/// `EDDY_NO_USER` is the same for destructors of what jobs wait in, or hold something of; but jobs
/// that a guest has left behind do so for ever, and no program ends for that.
/// `EDDY_ASSERT` is for our own invariants and disappears with NDEBUG.

namespace eddy::inline v0_1::detail {

[[noreturn]] EDDY_API void contract_broken(const char* condition,
                                           const char* remedy,
                                           const char* file,
                                           int line) noexcept;

/// A guest was destroyed while it was attached, and left behind with its jobs (see `Loop`).
[[nodiscard]] EDDY_API bool guest_left_behind() noexcept;
EDDY_API void note_left_behind() noexcept;

}  // namespace eddy::inline v0_1::detail

#define EDDY_REQUIRE(condition, remedy)                                              \
    do {                                                                             \
        if (!(condition)) [[unlikely]] {                                             \
            ::eddy::detail::contract_broken(#condition, remedy, __FILE__, __LINE__); \
        }                                                                            \
    } while (false)

#define EDDY_NO_USER(condition, remedy)                                              \
    do {                                                                             \
        if (!(condition) && !::eddy::detail::guest_left_behind()) [[unlikely]] {     \
            ::eddy::detail::contract_broken(#condition, remedy, __FILE__, __LINE__); \
        }                                                                            \
    } while (false)

#ifdef NDEBUG
#define EDDY_ASSERT(condition) static_cast<void>(0)
#else
#define EDDY_ASSERT(condition) EDDY_REQUIRE(condition, "this is a defect of Eddy: please report it")
#endif
