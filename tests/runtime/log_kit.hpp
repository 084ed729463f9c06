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

#if EDDY_WITH_SPDLOG

/// While it lives, it is the logger "eddy".
class LogCapture final {
public:
    explicit LogCapture(LogLevel level = LogLevel::info) : sink_(std::make_shared<Sink>()) {
        spdlog::drop("eddy");
        auto logger = std::make_shared<spdlog::logger>("eddy", sink_);
        logger->set_level(level == LogLevel::debug ? spdlog::level::debug : spdlog::level::info);
        spdlog::register_logger(std::move(logger));
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture() { spdlog::drop("eddy"); }

    [[nodiscard]] const std::vector<std::string>& lines() const { return sink_->lines; }
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

    std::shared_ptr<Sink> sink_;
};

#else

/// While it lives, it is what is logged to.
class LogCapture final {
public:
    explicit LogCapture(LogLevel level = LogLevel::info) {
        captured().clear();
        set_log(&LogCapture::capture, level);
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture() { set_log(nullptr); }

    [[nodiscard]] const std::vector<std::string>& lines() const { return captured(); }
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
