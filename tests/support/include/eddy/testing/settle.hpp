// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/wait_queue.hpp>

namespace eddy::testing {

/// The wait of `settle`.
class Settle final : public QueuedWaiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept;
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "settle"; }
};

/// Waits until every other job waits: nothing is ready, posted, offloaded or requested. Goes before
/// a jump of the virtual clock, so sleepers still sleep when it returns.
///
///     group.spawn(waits_for(gate));
///     co_await settle();
///     CHECK(gate.waiters() == 1);
[[nodiscard]] inline Settle settle() noexcept { return {}; }

}  // namespace eddy::testing
