// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string_view>

#include <eddy/job_info.hpp>

namespace eddy::detail {

/// The library's one way to speak: the spdlog logger "eddy", made on first use (standard error)
/// unless the application has registered its own.
void log_error(std::string_view text) noexcept;
void log_warning(std::string_view text) noexcept;
void log_failure(const JobInfo& job,
                 const std::exception_ptr& error,
                 std::string_view where) noexcept;

}  // namespace eddy::detail
