// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/wait_queue.hpp>

namespace eddy::testing {

/// A gate that opens once and stays open: the smallest primitive, for tests of what is built on
/// waits. Programs use `eddy::Event`.
///
///     Gate gate;
///     co_await gate.wait();  // in one job
///     gate.open();           // in another
///
/// Order: waiters become ready in order of arrival.
class Gate final {
public:
    class Wait final : public QueuedWaiter {
    public:
        explicit Wait(Gate& gate) noexcept : gate_(gate) {}
        [[nodiscard]] bool try_now() const noexcept { return gate_.open_; }
        void start() noexcept { gate_.waiting_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Gate"; }

    private:
        Gate& gate_;
    };

    [[nodiscard]] bool is_open() const noexcept { return open_; }
    [[nodiscard]] std::size_t waiters() const noexcept { return waiting_.size(); }

    /// Lets everybody through, now and later.
    void open() noexcept {
        open_ = true;
        waiting_.wake_all();
    }

    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }

private:
    // Invariant: open_ implies waiting_.empty().
    bool open_ = false;
    WaitQueue waiting_;
};

}  // namespace eddy::testing
