// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Gets one message, without a line feed; the view is gone when it returns.
using LogFunction = void (*)(LogLevel level, std::string_view text) noexcept;

/// From now on `function` gets what Eddy logs, from `least` on, in place of spdlog's logger "eddy",
/// or of standard error in a library that was built without spdlog (EDDY_LOG=OFF). Null: as it was
/// in the beginning.
///
///     eddy::set_log([](eddy::LogLevel level, std::string_view text) noexcept {
///         host_log(level == eddy::LogLevel::error ? HOST_ERROR : HOST_INFO, text);
///     });
///
/// For a plugin whose host has a log, and for a program with another version of spdlog. The rates
/// are the same (log_observer.hpp). A function, not an object: messages come at any time, from
/// destructors of static objects too, and nothing may be gone by then. What is in a library that
/// will be unloaded goes back to null before, when the last loop and pool have ended.
///
/// Threading: any; the function is called on any thread, on several at once, and should not wait: a
///            loop waits with it. One that is replaced may be running still. It may log through
///            Eddy itself, and does so without end if it always does.
/// Lifetime:  of the process, or of the shared library that this copy of Eddy is linked into.
EDDY_API void set_log(LogFunction function, LogLevel least = LogLevel::info) noexcept;

}  // namespace eddy::inline v0_1
