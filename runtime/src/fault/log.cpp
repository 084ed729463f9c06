// SPDX-License-Identifier: MIT
#include <eddy/detail/log.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <typeinfo>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

#include "base/type_name.hpp"
#include "fault/log_rate.hpp"
#include "fault/log_sink.hpp"

namespace eddy::inline v0_1::detail {

constinit std::atomic<bool> log_waits{false};

namespace {

using Level = spdlog::level::level_enum;
using LogClock = std::chrono::steady_clock;

/// Longer than anything that is read.
constexpr std::size_t longest_text = std::size_t{16} * 1024;

/// | field         | guarded by                                                          |
/// |---------------|---------------------------------------------------------------------|
/// | registry      | itself: what of ours looks into spdlog's registry, or adds to it    |
/// | mutex         | itself: `stream`, `rate`, and the formatter of our sink             |
///
/// Both are held across a fork, `registry` first, so that a child finds them and what they guard
/// whole. Never destroyed: destructors of static objects may log.
struct LogState {
    std::mutex registry;
    std::mutex mutex;
    ErrorStream stream;
    LogRate rate;
};
constinit LogState log_state;

void note_what_waits() noexcept {
    log_waits.store(log_state.stream.pending() || log_state.rate.pending(),
                    std::memory_order_relaxed);
}

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

/// From the beginning, not from the first message on: that one may be another thread's, in the
/// middle of its lock. No guard for the same reason.
[[maybe_unused]] const bool forks_prepared = [] {
    pthread_atfork(
        [] {
            log_state.registry.lock();
            log_state.mutex.lock();
        },
        [] {
            log_state.mutex.unlock();
            log_state.registry.unlock();
        },
        [] {
            log_state.stream.forget();
            log_state.rate.forget();
            log_waits.store(false, std::memory_order_relaxed);
            log_state.mutex.unlock();
            log_state.registry.unlock();
        });
    return true;
}();

/// From the end of spdlog's registry on, what is said goes to standard error directly.
constinit std::atomic<bool> registry_is_over{false};

/// The counts are told while there is a logger for them. After that registry was made, so before it
/// goes.
void prepare_for_its_end() noexcept {
    static constinit std::atomic<bool> prepared{false};
    if (!prepared.exchange(true)) {
        std::atexit([] {
            log_end();
            registry_is_over.store(true);
        });
    }
}

/// What is left in the ring is tried once more when the process exits.
void prepare_for_exit() noexcept {
    static constinit std::atomic<bool> prepared{false};
    if (!prepared.exchange(true)) {
        std::atexit([] {
            const std::lock_guard lock(log_state.mutex);
            log_state.stream.flush();
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
    } catch (const spdlog::spdlog_ex&) {  // the application was faster
        if (auto existing = spdlog::get("eddy")) {
            return existing;
        }
    }
    return made;
}

void write_through(spdlog::logger& logger, Level level, std::string_view text) {
    std::string shorter;
    if (text.size() > longest_text) {
        shorter = text.substr(0, longest_text);
        shorter += "... (" + std::to_string(text.size() - longest_text) + " more bytes)";
        text = shorter;
    }
    logger.log(level, spdlog::string_view_t(text.data(), text.size()));
}

/// One line for each kind of which something has not been said.
void tell_rest(spdlog::logger& logger, bool all) {
    while (true) {
        LogRate::Rest rest;
        {
            const std::lock_guard lock(log_state.mutex);
            const bool found = log_state.rate.take(LogClock::now(), all, rest);
            note_what_waits();
            if (!found) {
                return;
            }
        }
        char text[sizeof rest.label + 64];
        std::snprintf(text,
                      sizeof text,
                      "... and %llu more of this kind: %s",
                      static_cast<unsigned long long>(rest.count),
                      rest.label);
        write_through(logger, static_cast<Level>(rest.level), text);
    }
}

/// FNV-1a.
class KindKey final {
public:
    void add(std::string_view bytes) noexcept {
        for (const char byte : bytes) {
            hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
        }
    }
    void add(std::uint64_t number) noexcept { hash_ = (hash_ ^ number) * 0x100000001b3U; }
    [[nodiscard]] std::uint64_t value() const noexcept { return hash_ != 0 ? hash_ : 1; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

/// Says what `text()` makes, unless nobody listens or there has been enough of it; `label(buffer,
/// size)` names the kind.
template <class Text, class Label>
void say(const LogKind& kind, Text&& text, Label&& label) noexcept {
    const KeepErrno keep;
    try {
        const auto level = static_cast<Level>(kind.level);
        if (registry_is_over.load()) {
            if (level >= spdlog::level::info) {
                say_on_stderr("eddy: " + std::string(text()));
            }
            return;
        }
        const auto logger = current_logger();
        if (!logger->should_log(level)) {
            return;
        }
        tell_rest(*logger, false);
        {
            const std::lock_guard lock(log_state.mutex);
            const bool wanted = log_state.rate.admit(kind, LogClock::now(), label);
            note_what_waits();
            if (!wanted) {
                return;
            }
        }
        write_through(*logger, level, text());
    } catch (...) {
        say_on_stderr("eddy: something went wrong, and there was no memory to say what");
    }
}

/// A plain message is of the kind of its first words.
void say_plainly(Level level, std::string_view text) noexcept {
    const std::string_view kind = text.substr(0, std::min<std::size_t>(text.find(':'), 40));
    KindKey key;
    key.add(kind);
    say(
        {key.value(), LogRate::most, level},
        [text] { return text; },
        [kind](char* buffer, std::size_t size) noexcept {
            std::snprintf(buffer, size, "%.*s", static_cast<int>(kind.size()), kind.data());
        });
}

/// What an exception is, without its words.
struct ErrorKind {
    const std::type_info* type = nullptr;
    int code = 0;
};

ErrorKind kind_of(const std::exception_ptr& error) noexcept {
    ErrorKind kind;
    try {
        std::rethrow_exception(error);
    } catch (const std::system_error& failed) {
        kind.type = &typeid(failed);
        kind.code = failed.code().value();
    } catch (const std::exception& failed) {
        kind.type = &typeid(failed);
    } catch (...) {
        kind.type = current_exception_type();
    }
    return kind;
}

void label_failure(char* buffer,
                   std::size_t size,
                   std::string_view where,
                   const ErrorKind& kind) noexcept {
    const char* name = "an exception";
    std::unique_ptr<char, FreeMemory> readable;
    if (kind.type != nullptr) {
        readable = readable_name(*kind.type);
        name = readable != nullptr ? readable.get() : kind.type->name();
    }
    if (kind.code != 0) {
        std::snprintf(buffer,
                      size,
                      "%.*s, %s %d",
                      static_cast<int>(where.size()),
                      where.data(),
                      name,
                      kind.code);
    } else {
        std::snprintf(buffer, size, "%.*s, %s", static_cast<int>(where.size()), where.data(), name);
    }
}

/// Those of which one call, or one shortage, brings thousands: the first says it all.
bool comes_in_bulk(std::string_view where) noexcept {
    return where.starts_with("suppressed by") || where.starts_with("accept, ");
}

std::string failure_text(const JobInfo& job,
                         const std::exception_ptr& error,
                         std::string_view where,
                         std::string_view verb) {
    std::string text(where);
    if (job.id != 0) {
        text += " " + std::string(job.name) + "#" + std::to_string(job.id);
    }
    text += verb;
    text += describe(error);
    if (job.id != 0) {
        text += " (spawned at " + std::string(job.spawned.file_name()) + ":" +
                std::to_string(job.spawned.line()) + ")";
    }
    return text;
}

void say_failure(Level level,
                 unsigned most,
                 const JobInfo& job,
                 const std::exception_ptr& error,
                 std::string_view where,
                 std::string_view verb) noexcept {
    const ErrorKind kind = kind_of(error);
    KindKey key;
    key.add(where);
    key.add(kind.type != nullptr ? kind.type->name() : "");
    key.add(static_cast<std::uint64_t>(kind.code));
    key.add(static_cast<std::uint64_t>(level));
    say(
        {key.value(), most, level},
        [&] { return failure_text(job, error, where, verb); },
        [&](char* buffer, std::size_t size) noexcept { label_failure(buffer, size, where, kind); });
}

}  // namespace

void log_error(std::string_view text) noexcept { say_plainly(spdlog::level::err, text); }
void log_warning(std::string_view text) noexcept { say_plainly(spdlog::level::warn, text); }

void log_failure(const JobInfo& job,
                 const std::exception_ptr& error,
                 std::string_view where) noexcept {
    say_failure(spdlog::level::err,
                comes_in_bulk(where) ? 1 : LogRate::most,
                job,
                error,
                where,
                " failed: ");
}

void log_connection_lost(const JobInfo& job, const std::exception_ptr& error) noexcept {
    try {
        if (registry_is_over.load() || !current_logger()->should_log(spdlog::level::debug)) {
            return;  // before it has cost anything
        }
    } catch (...) {
        return;
    }
    say_failure(
        spdlog::level::debug, LogRate::most, job, error, "connection handler", " lost its peer: ");
}

void say_on_stderr(std::string_view text) noexcept {
    bool rest = false;
    {
        const std::lock_guard lock(log_state.mutex);
        char line[1024];
        if (text.size() < sizeof line) {  // one write, so that it stays one line
            std::copy(text.begin(), text.end(), line);
            line[text.size()] = '\n';
            log_state.stream.write({line, text.size() + 1});
        } else {
            log_state.stream.write(text.substr(0, longest_text));
            log_state.stream.write("\n");
        }
        note_what_waits();
        rest = log_state.stream.pending();
    }
    if (rest) {
        prepare_for_exit();
    }
}

void say_waiting() noexcept {
    const KeepErrno keep;
    bool counts = false;
    {
        const std::unique_lock lock(log_state.mutex, std::try_to_lock);
        if (!lock.owns_lock()) {
            return;  // who has it says it, or the next turn
        }
        log_state.stream.flush_again();
        counts = log_state.rate.due(LogClock::now());
        note_what_waits();
    }
    if (counts && !registry_is_over.load()) {
        try {
            tell_rest(*current_logger(), false);
        } catch (...) {  // no memory to say how many
        }
    }
}

void log_end() noexcept {
    if (!log_waits.load(std::memory_order_relaxed)) {
        return;
    }
    const KeepErrno keep;
    try {
        if (!registry_is_over.load()) {
            tell_rest(*current_logger(), true);
        }
    } catch (...) {  // no memory to say how many
    }
    const std::lock_guard lock(log_state.mutex);
    log_state.stream.flush();
    note_what_waits();
}

}  // namespace eddy::inline v0_1::detail
