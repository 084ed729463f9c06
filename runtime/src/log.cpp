// SPDX-License-Identifier: MIT
#include "log.hpp"

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <eddy/exception_group.hpp>

namespace eddy::detail {

namespace {

std::shared_ptr<spdlog::logger> logger() {
    if (auto existing = spdlog::get("eddy")) {
        return existing;
    }
    static std::mutex first_use;  // loops on several threads may fail at once
    const std::lock_guard lock(first_use);
    if (auto existing = spdlog::get("eddy")) {
        return existing;
    }
    return spdlog::stderr_logger_mt("eddy");
}

void log(spdlog::level::level_enum level, std::string_view text) noexcept {
    try {
        logger()->log(level, spdlog::string_view_t(text.data(), text.size()));
    } catch (...) {
        std::fprintf(stderr, "eddy: %.*s\n", static_cast<int>(text.size()), text.data());
    }
}

}  // namespace

void log_error(std::string_view text) noexcept { log(spdlog::level::err, text); }
void log_warning(std::string_view text) noexcept { log(spdlog::level::warn, text); }

void log_failure(const JobInfo& job,
                 const std::exception_ptr& error,
                 std::string_view where) noexcept {
    try {
        std::string text(where);
        if (job.id != 0) {
            text += " " + std::string(job.name) + "#" + std::to_string(job.id);
        }
        text += " failed: " + describe(error);
        if (job.id != 0) {
            text += " (spawned at " + std::string(job.spawned.file_name()) + ":" +
                    std::to_string(job.spawned.line()) + ")";
        }
        log_error(text);
    } catch (...) {
        log_error("a job failed, and there was no memory to say why");
    }
}

}  // namespace eddy::detail
