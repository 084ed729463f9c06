// SPDX-License-Identifier: MIT
#include <eddy/testing/faulty_wire.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <eddy/sleep.hpp>

namespace eddy::testing::detail {

Wire::Wire(const WireFaults& faults, WireReport& report)
    : faults_(faults), report_(report), random_(faults.seed) {
    if (faults.piece == 0) {
        throw std::invalid_argument("a wire needs pieces of at least one byte");
    }
}

std::size_t Wire::next_piece() noexcept {
    return faults_.split ? 1 + static_cast<std::size_t>(random_.next() % faults_.piece)
                         : faults_.piece;
}

Task<> Wire::travel(std::size_t length) {
    taken_ += length;
    if (taken_ >= faults_.stall_after && !report_.stalled) {
        report_.stalled = true;
        stalled_until_ = after(now(), faults_.stall_for);
    }
    if (now() < stalled_until_) {
        co_await sleep_until(stalled_until_);
    }
    if (length == 0) {
        co_return;
    }
    Duration time = faults_.delay;
    if (faults_.jitter > Duration::zero()) {
        const auto most = static_cast<std::uint64_t>(faults_.jitter.count());
        time += Duration(static_cast<Duration::rep>(random_.next() % (most + 1)));
    }
    if (faults_.bytes_per_second != 0) {
        constexpr std::uint64_t second = Duration(std::chrono::seconds(1)).count();
        time += Duration(static_cast<Duration::rep>(length * second / faults_.bytes_per_second));
    }
    if (time > Duration::zero()) {
        co_await sleep_for(time);
    }
    if (now() < stalled_until_) {  // the other direction has stalled meanwhile
        co_await sleep_until(stalled_until_);
    }
}

std::size_t Wire::arriving(std::size_t length) noexcept {
    const std::uint64_t left = faults_.reset_after - std::min(arrived_, faults_.reset_after);
    const std::uint64_t now_arriving = std::min<std::uint64_t>(length, left);
    arrived_ += now_arriving;
    report_.reset = report_.reset || arrived_ >= faults_.reset_after;
    return static_cast<std::size_t>(now_arriving);
}

}  // namespace eddy::testing::detail
