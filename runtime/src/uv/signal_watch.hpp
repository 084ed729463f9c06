// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <uv.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/signal_wait.hpp>

#include "uv/signal_pipe.hpp"

namespace eddy::inline v0_1::detail {

/// The handles of a `SignalSet`, one for each number.
///
/// Lifetime: on the heap; freed when its set has left it and the last close callback has run. A
///           loop that ends closes what is still open.
class SignalWatch final : private CloseListener {
public:
    /// Throws: `InvalidState`, `LoopClosed`, `IoError`; then nothing is left of it.
    [[nodiscard]] static SignalWatch* open(std::span<const int> numbers);

    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    /// The set is gone.
    void let_go() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return open_; }
    [[nodiscard]] bool has_waiters() const noexcept { return !waiting_.empty(); }
    [[nodiscard]] std::size_t waiters() const noexcept { return waiting_.size(); }
    /// Signals it was told of, ever.
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// Of these, dropped: one of the same number was still kept.
    [[nodiscard]] std::uint64_t coalesced() const noexcept { return coalesced_; }
    /// Numbers that are kept for the next wait.
    [[nodiscard]] std::size_t pending() const noexcept;

    /// Takes the oldest signal that is kept; false if there is none.
    [[nodiscard]] bool take(SignalWait& wait) noexcept;
    void wait(SignalWait& wait) noexcept { waiting_.push_back(wait); }
    /// A job that had got one died before it could run. It keeps its place in the order.
    void give_back(const SignalWait& wait) noexcept;

private:
    struct Watched {
        uv_signal_t handle;
        int number = 0;
        std::uint64_t since = 0;  // order of arrival of the one that is kept; 0: none is
    };

    SignalWatch(LoopCore& core, std::span<const int> numbers);
    ~SignalWatch() override = default;

    void start(Watched& watched);
    void close() noexcept;
    void release() noexcept;
    void loop_closing() noexcept override { close(); }
    void arrived(Watched& watched) noexcept;
    [[nodiscard]] bool hand_over(int number, std::uint64_t since) noexcept;

    // Invariant: a waiter implies that nothing is kept.
    LoopCore* core_;
    std::unique_ptr<Watched[]> watched_;
    std::size_t count_;
    std::size_t handles_ = 0;  // initialised, and not yet through their close callbacks
    SignalPipe pipe_;
    bool open_ = true;
    bool owned_ = true;  // by a set
    std::uint32_t generation_;
    std::uint64_t arrivals_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t coalesced_ = 0;
    WaitQueue waiting_;
};

}  // namespace eddy::inline v0_1::detail
