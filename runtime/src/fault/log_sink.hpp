// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace eddy::inline v0_1::detail {

/// A message may come from anywhere: whoever looks at errno next must not notice.
class KeepErrno final {
public:
    KeepErrno() noexcept : kept_(errno) {}
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;
    ~KeepErrno() { errno = kept_; }

private:
    int kept_;
};

/// Standard error, written to without ever waiting for it: the end of every line of the log that
/// the application has not taken over.
///
/// A pipe or a terminal is opened anew for each write, so that only our own, short-lived
/// description is non-blocking: the one that descriptor 2 shares with other processes stays as it
/// is, a replaced descriptor 2 is followed by itself, and nobody misses an end of file because of
/// us. What does not fit waits in a ring; when that is full, whole messages are lost, counted, and
/// told of when there is room again.
///
/// Threading: none of its own, see log.cpp. Constant-initialised and never destroyed, so that it is
///            there in static constructors and destructors; allocates nothing.
/// Cost:      a message costs an open, a write and a close; while nothing can be written, those
///            are tried again every 10 ms at most.
class ErrorStream final {
public:
    /// Of a whole message, its line feed included.
    void write(std::string_view message) noexcept;

    /// Tries to get rid of what waits.
    void flush() noexcept;
    /// The same, unless it was tried just now.
    void flush_again() noexcept;

    [[nodiscard]] bool pending() const noexcept { return size_ != 0; }

    /// In a forked child: what waits, and what was lost, is the parent's to tell.
    void forget() noexcept;

private:
    class Door;

    static constexpr std::size_t capacity = std::size_t{64} * 1024;

    void drain(Door& door) noexcept;
    void follow(const Door& door) noexcept;
    void put(std::string_view bytes) noexcept;
    void put_message(std::string_view message) noexcept;
    void tell_losses() noexcept;
    void drop_cut_line() noexcept;
    void lose_all() noexcept;

    // Invariant: size_ bytes from head_ on, wrapped around. cut_: they begin in the middle of a
    // line, whose beginning went to the file device_ and file_ name.
    char ring_[capacity] = {};
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    std::uint64_t lost_ = 0;   // messages, not told of yet
    std::uint64_t noted_ = 0;  // those that lines in the ring tell of, less one for each such line
    bool cut_ = false;
    dev_t device_ = 0;
    ino_t file_ = 0;
    std::chrono::steady_clock::time_point tried_;
};

}  // namespace eddy::inline v0_1::detail
