// SPDX-License-Identifier: MIT
#include <eddy/set_log.hpp>

#include <atomic>

#include "fault/log_outlet.hpp"

namespace eddy::inline v0_1 {

namespace {

constinit std::atomic<LogFunction> log_function{nullptr};
constinit std::atomic<LogLevel> log_least{LogLevel::info};

}  // namespace

void set_log(LogFunction function, LogLevel least) noexcept {
    log_least.store(least, std::memory_order_relaxed);
    // release: of the level, and of what the function needs
    log_function.store(function, std::memory_order_release);
}

detail::LogTarget detail::log_target() noexcept {
    const LogFunction function = log_function.load(std::memory_order_acquire);
    return {function, log_least.load(std::memory_order_relaxed)};
}

}  // namespace eddy::inline v0_1
