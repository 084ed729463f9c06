// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace eddy::inline v0_1::detail {

/// Whether a loop tries the next read of a file itself.
///
/// `RWF_NOWAIT` does not wait for what is read, but it asks for what comes next, and that may wait:
/// a disk that is busy has no room for more requests, and the loop would be as late as the disk is
/// slow, again and again. So after a try that took long, many reads go to a thread; twice as many
/// if the next one comes soon.
class LoopTries final {
public:
    static constexpr std::uint32_t least_pause = 256;
    static constexpr std::uint32_t most_pause = 4096;

    [[nodiscard]] bool next() noexcept {
        if (never_ || paused_ != 0) [[unlikely]] {
            paused_ -= never_ ? 0U : 1U;
            return false;
        }
        return true;
    }
    void was_quick() noexcept { quick_ += quick_ < soon ? 1U : 0U; }
    void was_slow() noexcept {
        pause_ = quick_ < soon ? std::clamp(pause_ * 2, least_pause, most_pause) : least_pause;
        paused_ = pause_;
        quick_ = 0;
    }
    /// It can never be: for this file, the system has no such call.
    void stop() noexcept { never_ = true; }

private:
    static constexpr std::uint32_t soon = 1024;

    std::uint32_t paused_ = 0;    // reads that are not tried
    std::uint32_t pause_ = 0;     // the latest
    std::uint32_t quick_ = soon;  // tries since then
    bool never_ = false;
};

}  // namespace eddy::inline v0_1::detail
