// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// How another thread makes the poll of a loop return: with a post, or with the end of an offloaded
/// call. Both are safe with every libuv; they differ in what a wake costs, see executor/README.md,
/// "How a completion wakes the loop".
enum class WakeBy : std::uint8_t {
    uv_async,  ///< libuv's own `uv_async_t`
    eventfd,   ///< an eventfd that the loop polls, past `uv_async_send`
};

/// What the loops of this process use. It follows from the CMake variable EDDY_WAKE of this Eddy;
/// `auto` goes by the libuv that the process runs with, whatever it was compiled against: eventfd
/// before 1.45 on Linux, uv_async otherwise.
///
/// Threading: any thread; always the same.
[[nodiscard]] EDDY_API WakeBy wake_by() noexcept;

/// As EDDY_WAKE spells it.
[[nodiscard]] constexpr std::string_view name_of(WakeBy way) noexcept {
    return way == WakeBy::eventfd ? "eventfd" : "uv_async";
}

}  // namespace eddy::inline v0_1
