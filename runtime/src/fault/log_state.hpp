// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <mutex>

#include <eddy/detail/log.hpp>

#include "fault/log_rate.hpp"
#include "fault/log_sink.hpp"

namespace eddy::inline v0_1::detail {

/// | field         | guarded by                                                          |
/// |---------------|---------------------------------------------------------------------|
/// | registry      | itself: what of ours looks into spdlog's registry, or adds to it    |
/// | mutex         | itself: `stream`, `rate`, and the formatter of our sink             |
///
/// Both are held across a fork, `registry` first, so that a child finds them and what they guard
/// whole. Never destroyed: destructors of static objects may log.
struct LogState {
    std::mutex registry;
    std::mutex mutex;
    ErrorStream stream;
    LogRate rate;
};
extern constinit LogState log_state;

/// With `mutex` held.
inline void note_what_waits() noexcept {
    log_waits.store(log_state.stream.pending() || log_state.rate.pending(),
                    std::memory_order_relaxed);
}

}  // namespace eddy::inline v0_1::detail
