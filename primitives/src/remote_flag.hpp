// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

#include <eddy/loop_door.hpp>

namespace eddy::inline v0_1 {
class Event;
}

namespace eddy::inline v0_1::detail {

/// Whether some thread has set the event.
///
/// | field  | who                                                                |
/// |--------|--------------------------------------------------------------------|
/// | word_  | threads set bit 0, and who finds it clear knocks; the loop's       |
/// |        | thread sets bit 1, closed, after which the rest means nothing      |
/// | event_ | the loop's thread; null once closed                                |
class RemoteFlag final : public LoopDoor {
public:
    explicit RemoteFlag(Event& event) : event_(&event) {}

    /// Any thread.
    bool set() noexcept;
    [[nodiscard]] bool closed() const noexcept {
        return inherited() || (word_.load(std::memory_order_acquire) & closed_bit) != 0;
    }

    /// The loop's thread: the event is dying.
    void close() noexcept;

private:
    static constexpr std::uint32_t set_bit = 1;
    static constexpr std::uint32_t closed_bit = 2;

    void answer() override;
    void closing() override;

    std::atomic<std::uint32_t> word_{0};
    Event* event_;
};

}  // namespace eddy::inline v0_1::detail
