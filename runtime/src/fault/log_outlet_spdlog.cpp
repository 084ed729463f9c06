// SPDX-License-Identifier: MIT
// Part of log_outlet: with spdlog.
#include "fault/log_outlet.hpp"

#if EDDY_WITH_SPDLOG

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>

#include <eddy/detail/log.hpp>

#include "fault/log_state.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// Ours: formats as any sink does, and writes without waiting.
class StandardErrorSink final : public spdlog::sinks::sink {
public:
    StandardErrorSink() : formatter_(std::make_unique<spdlog::pattern_formatter>()) {}

    void log(const spdlog::details::log_msg& message) override {
        const std::lock_guard lock(log_state.mutex);
        try {
            spdlog::memory_buf_t text;
            formatter_->format(message, text);
            log_state.stream.write({text.data(), text.size()});
        } catch (...) {  // no memory for more
            log_state.stream.write({message.payload.data(), message.payload.size()});
            log_state.stream.write("\n");
        }
        note_what_waits();
    }
    void flush() override {
        const std::lock_guard lock(log_state.mutex);
        log_state.stream.flush();
        note_what_waits();
    }
    void set_pattern(const std::string& pattern) override {
        set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
    }
    void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
        const std::lock_guard lock(log_state.mutex);
        formatter_ = std::move(formatter);
    }

private:
    std::unique_ptr<spdlog::formatter> formatter_;
};

/// From the end of spdlog's registry on, what is said goes to standard error directly.
constinit std::atomic<bool> registry_is_over{false};

/// The one that we have put into the registry.
constinit std::atomic<const spdlog::logger*> own_logger{nullptr};

/// It goes before this code does: a plugin may be unloaded, spdlog's registry may be its host's.
void withdraw_own_logger() noexcept {
    try {
        const auto known = spdlog::get("eddy");
        if (known != nullptr && known.get() == own_logger.load()) {
            spdlog::drop("eddy");
        }
    } catch (...) {  // no memory: it stays
    }
}

/// The counts are told while there is a logger for them. After that registry was made, so before it
/// goes.
void prepare_for_its_end() noexcept {
    static constinit std::atomic<bool> prepared{false};
    if (!prepared.exchange(true)) {
        std::atexit([] {
            log_end();
            registry_is_over.store(true);
            withdraw_own_logger();
        });
    }
}

/// The same for a function, which no registry ends.
void tell_function_at_exit() noexcept {
    static constinit std::atomic<bool> prepared{false};
    if (!prepared.exchange(true)) {
        std::atexit([] {
            if (log_target().function != nullptr) {
                log_end();
            }
        });
    }
}

std::shared_ptr<spdlog::logger> current_logger() {
    const std::lock_guard lock(log_state.registry);
    auto known = spdlog::get("eddy");
    prepare_for_its_end();
    if (known) {
        return known;
    }
    auto made = std::make_shared<spdlog::logger>("eddy", std::make_shared<StandardErrorSink>());
    try {
        spdlog::initialize_logger(made);
        own_logger.store(made.get());
    } catch (const spdlog::spdlog_ex&) {  // the application was faster
        if (auto existing = spdlog::get("eddy")) {
            return existing;
        }
    }
    return made;
}

spdlog::logger& logger_of(const std::shared_ptr<void>& logger) noexcept {
    return *static_cast<spdlog::logger*>(logger.get());
}

spdlog::level::level_enum level_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            break;
    }
    return spdlog::level::err;
}

}  // namespace

LogOutlet LogOutlet::current() {
    LogOutlet outlet;
    const LogTarget target = log_target();
    if (target.function != nullptr) {
        outlet.function_ = target.function;
        outlet.least_ = target.least;
        tell_function_at_exit();
    } else {
        outlet.logger_ = current_logger();
    }
    return outlet;
}

bool LogOutlet::is_over() noexcept {
    return registry_is_over.load() && log_target().function == nullptr;
}

bool LogOutlet::wants(LogLevel level) const noexcept {
    return function_ != nullptr ? level >= least_ : logger_of(logger_).should_log(level_of(level));
}

void LogOutlet::write(LogLevel level, std::string_view text) {
    if (function_ != nullptr) {
        function_(level, text);
    } else {
        logger_of(logger_).log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
    }
}

}  // namespace eddy::inline v0_1::detail

#endif
