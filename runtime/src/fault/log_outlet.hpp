// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>

#include <eddy/set_log.hpp>

namespace eddy::inline v0_1::detail {

/// What a message is written to: the function of `set_log`, otherwise spdlog's logger "eddy", the
/// application's or ours, and in a library without spdlog the stream of log_sink.hpp. Its members
/// are in log_outlet_spdlog.cpp or log_outlet_plain.cpp.
///
/// Threading: any. No lock is held while another's function or logger writes.
class LogOutlet final {
public:
    /// Throws: `std::bad_alloc`, and what spdlog throws.
    [[nodiscard]] static LogOutlet current();

    /// Nothing is left of spdlog, and there is no function: what is said goes to standard error
    /// directly.
    [[nodiscard]] static bool is_over() noexcept;

    /// Whether anybody wants messages of that level.
    [[nodiscard]] bool wants(LogLevel level) const noexcept;
    void write(LogLevel level, std::string_view text);

private:
    LogFunction function_ = nullptr;
    LogLevel least_ = LogLevel::info;
    std::shared_ptr<void> logger_;  // spdlog's, if there is no function
};

/// What `set_log` was given; null: nothing.
struct LogTarget {
    LogFunction function;
    LogLevel least;
};
[[nodiscard]] LogTarget log_target() noexcept;

}  // namespace eddy::inline v0_1::detail
