// SPDX-License-Identifier: MIT
// A program with a spdlog of its own, header-only, as a default build has it; Eddy's log goes
// there.
#ifdef SPDLOG_COMPILED_LIB
#error "this is Eddy's spdlog"
#endif
#if __has_include(<spdlog/fmt/bundled/core.h>)
#else
#define SPDLOG_FMT_EXTERNAL
#define FMT_HEADER_ONLY
#endif
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <spdlog/sinks/ostream_sink.h>

#include <eddy/report_failure.hpp>
#include <eddy/run.hpp>
#include <eddy/set_log.hpp>
#include <eddy/task.hpp>

namespace {

eddy::Task<int> answer() { co_return 42; }

std::ostringstream log_text;

void to_own_logger(eddy::LogLevel, std::string_view text) noexcept {
    spdlog::get("app")->error("{}", std::string(text));
}

}  // namespace

int main() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text);
    spdlog::register_logger(std::make_shared<spdlog::logger>("app", sink));
    eddy::set_log(&to_own_logger);
    if (eddy::run(answer()) != 42) {
        return 1;
    }
    const auto error = std::make_exception_ptr(std::runtime_error("out of ink"));
    eddy::report_failure(error, "the printer");
    if (log_text.str().find("the printer failed: out of ink") == std::string::npos) {
        return 2;
    }
    // And to our own, beside the program's.
    eddy::set_log(nullptr);
    eddy::report_failure(error, "on standard error, the printer");
    return 0;
}
