// SPDX-License-Identifier: MIT
// Part of log_outlet: without spdlog.
#include "fault/log_outlet.hpp"

#if !EDDY_WITH_SPDLOG

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>

#include <eddy/detail/log.hpp>

#include "fault/log_state.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// The counts are told once more when the process exits.
void tell_counts_at_exit() noexcept {
    static constinit std::atomic<bool> prepared{false};
    if (!prepared.exchange(true)) {
        std::atexit([] { log_end(); });
    }
}

const char* name_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            break;
    }
    return "error";
}

/// "[2026-03-01 12:00:00.000] [eddy] [error] ", as spdlog has it.
std::string line_head(LogLevel level) {
    const auto now = std::chrono::system_clock::now();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const std::time_t time = std::chrono::system_clock::to_time_t(seconds);
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds);
    std::tm broken{};
    localtime_r(&time, &broken);
    char text[64];
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &broken);
    std::snprintf(text,
                  sizeof text,
                  "[%s.%03d] [eddy] [%s] ",
                  date,
                  static_cast<int>(rest.count()),
                  name_of(level));
    return text;
}

}  // namespace

LogOutlet LogOutlet::current() {
    LogOutlet outlet;
    const LogTarget target = log_target();
    outlet.function_ = target.function;
    outlet.least_ = target.function != nullptr ? target.least : LogLevel::info;
    tell_counts_at_exit();
    return outlet;
}

bool LogOutlet::is_over() noexcept { return false; }

bool LogOutlet::wants(LogLevel level) const noexcept { return level >= least_; }

void LogOutlet::write(LogLevel level, std::string_view text) {
    if (function_ != nullptr) {
        function_(level, text);
        return;
    }
    const std::lock_guard lock(log_state.mutex);
    try {
        log_state.stream.write(line_head(level).append(text) + '\n');
    } catch (...) {  // no memory for more
        log_state.stream.write(text);
        log_state.stream.write("\n");
    }
    note_what_waits();
}

}  // namespace eddy::inline v0_1::detail

#endif
