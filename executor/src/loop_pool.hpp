// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <eddy/detail/loop_core.hpp>
#include <eddy/thread_pool.hpp>

namespace eddy::inline v0_1::detail {

/// A pool that belongs to the loop of this thread: made when it is first asked for, shut down with
/// the loop. Each kind has a slot of its own, a thread-local variable: a thread has one loop at
/// most.
class LoopPool final : private CloseListener {
public:
    using Slot = std::unique_ptr<LoopPool>;

    /// Use `of_loop`.
    LoopPool(LoopCore& core, Slot& slot, const ThreadPoolOptions& options);
    LoopPool(const LoopPool&) = delete;
    LoopPool& operator=(const LoopPool&) = delete;
    ~LoopPool() override = default;

    /// Throws: `InvalidState` outside a loop, `LoopClosed` when it is ending; both name `what`.
    [[nodiscard]] static ThreadPool& of_loop(Slot& slot,
                                             const char* what,
                                             const ThreadPoolOptions& options);

private:
    void loop_closing() noexcept override;

    LoopCore& core_;
    Slot& slot_;
    ThreadPool pool_;
};

}  // namespace eddy::inline v0_1::detail
