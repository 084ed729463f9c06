// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/set_log.hpp>

#if EDDY_WITH_SPDLOG
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#endif

/// What the tests of the log need: to read it.

namespace eddy::testing {

/// What was logged, line by line.
class LoggedLines {
public:
    LoggedLines(const LoggedLines&) = delete;
    LoggedLines& operator=(const LoggedLines&) = delete;

    [[nodiscard]] const std::vector<std::string>& lines() const { return *lines_; }
    [[nodiscard]] std::size_t count(std::string_view part) const {
        return static_cast<std::size_t>(
            std::count_if(lines().begin(), lines().end(), [part](const std::string& line) {
                return line.find(part) != std::string::npos;
            }));
    }
    /// The bytes of all of them.
    [[nodiscard]] std::size_t size() const {
        std::size_t sum = 0;
        for (const std::string& line : lines()) {
            sum += line.size();
        }
        return sum;
    }

protected:
    using Lines = std::shared_ptr<const std::vector<std::string>>;
    explicit LoggedLines(Lines lines) noexcept : lines_(std::move(lines)) {}
    ~LoggedLines() = default;

private:
    Lines lines_;
};

#if EDDY_WITH_SPDLOG

/// While it lives, it is the logger "eddy".
class LogCapture final : public LoggedLines {
public:
    explicit LogCapture(LogLevel level = LogLevel::info)
        : LogCapture(std::make_shared<Sink>(), level) {}
    ~LogCapture() { spdlog::drop("eddy"); }

private:
    class Sink final : public spdlog::sinks::base_sink<std::mutex> {
    public:
        std::vector<std::string> lines;

    private:
        void sink_it_(const spdlog::details::log_msg& message) override {
            const auto level = spdlog::level::to_string_view(message.level);
            lines.push_back(std::string(level.data(), level.size()) + ": " +
                            std::string(message.payload.data(), message.payload.size()));
        }
        void flush_() override {}
    };

    LogCapture(const std::shared_ptr<Sink>& sink, LogLevel level)
        : LoggedLines(Lines(sink, &sink->lines)) {
        spdlog::drop("eddy");
        auto logger = std::make_shared<spdlog::logger>("eddy", sink);
        logger->set_level(level == LogLevel::debug ? spdlog::level::debug : spdlog::level::info);
        spdlog::register_logger(std::move(logger));
    }
};

#else

/// While it lives, it is what is logged to.
class LogCapture final : public LoggedLines {
public:
    explicit LogCapture(LogLevel level = LogLevel::info)
        : LoggedLines(Lines(std::shared_ptr<void>(), &captured())) {
        captured().clear();
        set_log(&LogCapture::capture, level);
    }
    ~LogCapture() { set_log(nullptr); }

private:
    static std::vector<std::string>& captured() {
        static std::vector<std::string> lines;
        return lines;
    }
    static void capture(LogLevel level, std::string_view text) noexcept {
        static std::mutex mutex;
        static constexpr const char* names[] = {"debug", "info", "warning", "error"};
        const std::lock_guard lock(mutex);
        captured().push_back(std::string(names[static_cast<std::size_t>(level)]) + ": " +
                             std::string(text));
    }
};

#endif

}  // namespace eddy::testing
