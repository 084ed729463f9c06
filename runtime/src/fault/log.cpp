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

#include <eddy/detail/legible.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

#include "base/type_name.hpp"
#include "base/utf8.hpp"
#include "fault/log_outlet.hpp"
#include "fault/log_rate.hpp"
#include "fault/log_sink.hpp"
#include "fault/log_state.hpp"

namespace eddy::inline v0_1::detail {

constinit std::atomic<bool> log_waits{false};
constinit LogState log_state;

namespace {

using LogClock = std::chrono::steady_clock;

/// Longer than anything that is read.
constexpr std::size_t longest_text = std::size_t{16} * 1024;

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

void write_through(LogOutlet& outlet, LogLevel level, std::string_view text) {
    std::string shorter;
    if (text.size() > longest_text) {
        const std::string_view told = whole_characters(text, longest_text);
        shorter = told;
        shorter += "... (" + std::to_string(text.size() - told.size()) + " more bytes)";
        text = shorter;
    }
    outlet.write(level, text);
}

/// One line for each kind of which something has not been said.
void tell_rest(LogOutlet& outlet, bool all) {
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
        write_through(outlet, static_cast<LogLevel>(rest.level), text);
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
        const auto level = static_cast<LogLevel>(kind.level);
        if (LogOutlet::is_over()) {
            if (level >= LogLevel::info) {
                say_on_stderr("eddy: " + std::string(text()));
            }
            return;
        }
        LogOutlet outlet = LogOutlet::current();
        if (!outlet.wants(level)) {
            return;
        }
        tell_rest(outlet, false);
        {
            const std::lock_guard lock(log_state.mutex);
            const bool wanted = log_state.rate.admit(kind, LogClock::now(), label);
            note_what_waits();
            if (!wanted) {
                return;
            }
        }
        write_through(outlet, level, text());
    } catch (...) {
        say_on_stderr("eddy: something went wrong, and there was no memory to say what");
    }
}

/// A plain message is of the kind of its first words.
void say_plainly(LogLevel level, std::string_view text) noexcept {
    const std::string_view kind = text.substr(0, std::min<std::size_t>(text.find(':'), 40));
    KindKey key;
    key.add(kind);
    say(
        {key.value(), LogRate::most, static_cast<int>(level)},
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
        text += " " + legible(job.name) + "#" + std::to_string(job.id);
    }
    text += verb;
    text += legible(describe(error));
    if (job.id != 0) {
        text += " (spawned at " + std::string(job.spawned.file_name()) + ":" +
                std::to_string(job.spawned.line()) + ")";
    }
    return text;
}

void say_failure(LogLevel level,
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
        {key.value(), most, static_cast<int>(level)},
        [&] { return failure_text(job, error, where, verb); },
        [&](char* buffer, std::size_t size) noexcept { label_failure(buffer, size, where, kind); });
}

}  // namespace

void log_error(std::string_view text) noexcept { say_plainly(LogLevel::error, text); }
void log_warning(std::string_view text) noexcept { say_plainly(LogLevel::warning, text); }

void log_failure(const JobInfo& job,
                 const std::exception_ptr& error,
                 std::string_view where) noexcept {
    say_failure(
        LogLevel::error, comes_in_bulk(where) ? 1 : LogRate::most, job, error, where, " failed: ");
}

void log_connection_lost(const JobInfo& job, const std::exception_ptr& error) noexcept {
    try {
        if (LogOutlet::is_over() || !LogOutlet::current().wants(LogLevel::debug)) {
            return;  // before it has cost anything
        }
    } catch (...) {
        return;
    }
    say_failure(
        LogLevel::debug, LogRate::most, job, error, "connection handler", " lost its peer: ");
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
            log_state.stream.write(whole_characters(text, longest_text));
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
    if (counts && !LogOutlet::is_over()) {
        try {
            LogOutlet outlet = LogOutlet::current();
            tell_rest(outlet, false);
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
        if (!LogOutlet::is_over()) {
            LogOutlet outlet = LogOutlet::current();
            tell_rest(outlet, true);
        }
    } catch (...) {  // no memory to say how many
    }
    const std::lock_guard lock(log_state.mutex);
    log_state.stream.flush();
    note_what_waits();
}

}  // namespace eddy::inline v0_1::detail
