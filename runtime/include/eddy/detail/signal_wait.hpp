// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class SignalWatch;

/// A wait for the next signal of a watch, which writes it here.
class EDDY_VISIBLE SignalWait : public QueuedWaiter {
protected:
    SignalWait() = default;
    ~SignalWait() override = default;

    [[nodiscard]] int number() const noexcept { return number_; }

private:
    friend class SignalWatch;

    int number_ = 0;
    std::uint64_t since_ = 0;  // its place in the order of arrival
};

}  // namespace eddy::inline v0_1::detail
