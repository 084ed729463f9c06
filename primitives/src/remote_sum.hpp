// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include <eddy/loop_door.hpp>

namespace eddy::inline v0_1 {
class Counter;
}

namespace eddy::inline v0_1::detail {

/// What the threads have added and the loop has not taken yet.
///
/// | field    | who                                                                         |
/// |----------|-----------------------------------------------------------------------------|
/// | word_    | threads add to it; the loop's thread takes all, or closes it                |
/// | counter_ | the loop's thread; null once closed                                         |
/// | refused_ | the loop's thread; what `close` could not apply, until it is reported       |
///
/// word_ is 4 * sum + 2 * closed + knocked, so that one atomic addition adds, tells whether the
/// door was open, and whether the loop knows already. Who sets `knocked` knocks; taking the sum
/// clears it. Once closed the sum means nothing any more; late additions only wrap around.
///
/// The sum has 62 bits and a delta at most 2^31: `add` refuses from 2^60 on, which it looks up
/// first. Every thread can be late by one delta, so there is room for 2^29 threads.
class RemoteSum final : public LoopDoor {
public:
    explicit RemoteSum(Counter& counter) : counter_(&counter) {}

    /// Any thread.
    bool add(std::int64_t delta);
    [[nodiscard]] bool closed() const noexcept {
        return inherited() || (word_.load(std::memory_order_acquire) & closed_bit) != 0;
    }

    enum class Last : bool { drop, apply };

    /// The loop's thread: refuses every add from now on. What was accepted is applied first, or
    /// dropped, when the counter is dying.
    void close(Last last) noexcept;

private:
    static constexpr std::int64_t knocked_bit = 1;
    static constexpr std::int64_t closed_bit = 2;
    static constexpr std::int64_t unit = 4;
    static constexpr std::int64_t most = (std::int64_t{1} << 60U) * unit;

    void answer() override;
    void closing() override;
    [[nodiscard]] static std::int64_t sum_of(std::int64_t word) noexcept { return word >> 2U; }

    std::atomic<std::int64_t> word_{0};
    Counter* counter_;
    std::exception_ptr refused_;
};

}  // namespace eddy::inline v0_1::detail
