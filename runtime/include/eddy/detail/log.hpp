// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <new>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/job_info.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// The library's one way to speak: the spdlog logger "eddy", the application's own if it has
/// registered one, otherwise ours, made on first use, which writes to standard error and never
/// waits for it (see log_sink.hpp).
///
/// Of each kind of message (where it comes from and what is wrong) ten a second are said, of those
/// that come in bulk one; the others are counted, and told of in one line (see log_rate.hpp).
///
/// What others may have written, the words of an exception and the name of a job, is made legible
/// first: in one line, without control characters.
///
/// Throws:    nothing; without memory a message is shorter.
/// Threading: any. No lock is held while another's logger writes.
EDDY_API void log_error(std::string_view text) noexcept;
EDDY_API void log_warning(std::string_view text) noexcept;
/// `log(text())`, or `log(brief)` if there is no memory for the text.
template <class Text>
void log_or_brief(void (&log)(std::string_view) noexcept,
                  Text text,
                  std::string_view brief) noexcept {
    try {
        log(text());
    } catch (const std::bad_alloc&) {
        log(brief);
    }
}
EDDY_API void log_failure(const JobInfo& job,
                          const std::exception_ptr& error,
                          std::string_view where) noexcept;
/// A connection's handler failed because its peer went away: for those who debug.
EDDY_API void log_connection_lost(const JobInfo& job, const std::exception_ptr& error) noexcept;

/// `text`, and a line feed, to standard error itself, in no format and at no rate: for what the
/// program says last.
EDDY_API void say_on_stderr(std::string_view text) noexcept;

/// Something waits to be said: a full pipe, or a count.
EDDY_STATE extern constinit std::atomic<bool> log_waits;

/// How often a loop that has nothing else to do looks after it.
inline constexpr Duration log_patience = std::chrono::milliseconds(100);

EDDY_API void say_waiting() noexcept;

/// Each turn of a loop: says what waits if it is time. One look when nothing does.
inline void log_turn() noexcept {
    if (log_waits.load(std::memory_order_relaxed)) [[unlikely]] {
        say_waiting();
    }
}
/// A loop ends: the same, all counts now.
EDDY_API void log_end() noexcept;

}  // namespace eddy::inline v0_1::detail
