// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <eddy/detail/exchange.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE ChannelStatistics {
    std::size_t capacity = 0;
    std::size_t buffered = 0;
    std::size_t reserved = 0;   ///< slots that nothing was sent into yet
    std::size_t senders = 0;    ///< open handles
    std::size_t receivers = 0;  ///< open handles
    std::size_t waiting_to_send = 0;
    std::size_t waiting_to_receive = 0;
};

namespace detail {

/// What a channel has besides its items: handles, and slots.
class EDDY_API ChannelCore : public ExchangeCore, public LocalShared {
public:
    using Handle = std::uint64_t;  // never reused; 0 is one that is closed

    /// Throws: `WrongThread`.
    void check(const char* what) const { bound_.check(what); }
    void require_here() const noexcept;

    /// Throw: `std::bad_alloc`.
    [[nodiscard]] Handle open_sender() {
        const Handle handle = open();
        ++senders_;
        return handle;
    }
    [[nodiscard]] Handle open_receiver() {
        const Handle handle = open();
        ++receivers_;
        return handle;
    }
    void close_sender(Handle handle) noexcept;
    /// True if it was the last one: the caller drops what is buffered.
    [[nodiscard]] bool close_receiver(Handle handle) noexcept;

    /// No item can come any more, but for those that are buffered.
    [[nodiscard]] bool ended() const noexcept { return senders_ == 0 && reserved_ == 0; }
    [[nodiscard]] bool has_receivers() const noexcept { return receivers_ != 0; }

    [[noreturn]] static void throw_closed(const char* what);
    [[noreturn]] static void throw_broken(const char* what);
    [[noreturn]] static void throw_ended(const char* what);
    /// What a wait to send that ended in this way throws.
    [[noreturn]] static void throw_unsent(ExchangeWait::End end, const char* what);

    /// Throws: `ClosedResource`, `BrokenResource`, `WrongThread`.
    void check_sender(Handle handle, const char* what) const {
        check(what);
        if (!is_open(handle)) [[unlikely]] {
            throw_closed(what);
        }
        if (receivers_ == 0) [[unlikely]] {
            throw_broken(what);
        }
    }
    void check_receiver(Handle handle, const char* what) const {
        check(what);
        if (!is_open(handle)) [[unlikely]] {
            throw_closed(what);
        }
    }
    /// Throws: `InvalidState` for a rendezvous.
    void check_reserve(Handle handle, const char* what) const;

protected:
    explicit ChannelCore(std::size_t capacity) noexcept : ExchangeCore(capacity) {}
    ~ChannelCore() override = default;

    // For Exchange.
    [[nodiscard]] std::size_t reserved() const noexcept { return reserved_; }
    [[nodiscard]] bool discards() const noexcept { return receivers_ == 0; }
    static void accepted() noexcept {}
    static void discarded(std::size_t) noexcept {}
    void grant_slot() noexcept { ++reserved_; }

    /// A slot is gone, one way or the other. If nothing can come now, takers hear of it.
    void drop_slot() noexcept { --reserved_; }
    void end_if_nothing_can_come() noexcept;

    [[nodiscard]] ChannelStatistics statistics_of(std::size_t buffered) const;

private:
    [[nodiscard]] Handle open() {
        open_.push_back(last_handle_ + 1);
        return ++last_handle_;
    }
    void shut(Handle handle) noexcept;
    /// An operation may be awaited long after it was made, and its handle be closed by then.
    [[nodiscard]] bool is_open(Handle handle) const noexcept {
        return std::binary_search(open_.begin(), open_.end(), handle);
    }

    std::vector<Handle> open_;  // of both ends, ascending
    Handle last_handle_ = 0;
    std::size_t senders_ = 0;
    std::size_t receivers_ = 0;
    std::size_t reserved_ = 0;
};

}  // namespace detail
}  // namespace eddy::inline v0_1
