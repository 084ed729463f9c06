// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

namespace eddy::inline v0_1::detail {

/// What a thread moves through its own memory at once: what a second-level cache holds, so that the
/// copy to or from the caller's costs little, and a lock that is held for it is held shortly.
inline constexpr std::size_t piece_size = std::size_t{256} << 10U;

/// Memory of this thread for a piece, kept for the next one.
///
/// Throws: `std::bad_alloc`.
[[nodiscard]] inline std::span<std::byte> piece_of_thread(std::size_t wanted) {
    constexpr std::size_t small = std::size_t{64} << 10U;
    thread_local std::unique_ptr<std::byte[]> memory;
    thread_local std::size_t capacity = 0;
    const std::size_t size = wanted <= small ? small : piece_size;
    if (capacity < size) {
        capacity = 0;
        memory.reset();
        memory.reset(new std::byte[size]);  // not cleared
        capacity = size;
    }
    return {memory.get(), std::min(wanted, size)};
}

/// Memory of a frame that a thread fills, until the loop takes it back. It is touched under the
/// lock only, never during a system call; so taking it back waits for one copy of a piece at most.
class LentSpan final {
public:
    explicit LentSpan(std::span<std::byte> into) noexcept : into_(into) {}
    LentSpan(const LentSpan&) = delete;
    LentSpan& operator=(const LentSpan&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return into_.size(); }
    /// The worker's. False: it has been taken back.
    [[nodiscard]] bool put(std::size_t at, std::span<const std::byte> bytes) {
        const std::lock_guard lock(mutex_);
        if (!taken_back_) {
            std::memcpy(into_.data() + at, bytes.data(), bytes.size());
        }
        return !taken_back_;
    }
    /// The loop's.
    void take_back() noexcept {
        const std::lock_guard lock(mutex_);
        taken_back_ = true;
    }

private:
    std::mutex mutex_;
    const std::span<std::byte> into_;
    bool taken_back_ = false;
};

/// Memory of a frame that a thread reads, span after span, until the loop takes it back.
class LentList final {
public:
    using Bytes = std::span<const std::byte>;

    /// `single`: what is read if `list` has none.
    LentList(Bytes single, std::span<const Bytes> list) noexcept : single_(single), list_(list) {}
    LentList(const LentList&) = delete;
    LentList& operator=(const LentList&) = delete;

    /// The worker's: copies what comes next; how much, zero at the end. Empty: it has been taken
    /// back.
    [[nodiscard]] std::optional<std::size_t> get(std::span<std::byte> into) {
        const std::lock_guard lock(mutex_);
        if (taken_back_) {
            return std::nullopt;
        }
        std::size_t done = 0;
        while (done < into.size() && next_ < count()) {
            const Bytes part = at(next_).subspan(offset_);
            const std::size_t length = std::min(part.size(), into.size() - done);
            if (length != 0) {
                std::memcpy(into.data() + done, part.data(), length);
            }
            done += length;
            offset_ += length;
            if (length == part.size()) {
                ++next_;
                offset_ = 0;
            }
        }
        return done;
    }
    /// The loop's.
    void take_back() noexcept {
        const std::lock_guard lock(mutex_);
        taken_back_ = true;
    }

private:
    [[nodiscard]] std::size_t count() const noexcept { return list_.empty() ? 1 : list_.size(); }
    [[nodiscard]] Bytes at(std::size_t index) const noexcept {
        return list_.empty() ? single_ : list_[index];
    }

    std::mutex mutex_;
    const Bytes single_;
    const std::span<const Bytes> list_;  // the caller's as well
    std::size_t next_ = 0;
    std::size_t offset_ = 0;  // in it
    bool taken_back_ = false;
};

}  // namespace eddy::inline v0_1::detail
