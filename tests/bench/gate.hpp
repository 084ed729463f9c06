// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/wait_queue.hpp>

namespace bench {

/// A door that opens once: what a user makes of `eddy::WaitQueue`.
class Gate final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Gate& gate) noexcept : gate_(gate) {}
        [[nodiscard]] bool try_now() const noexcept { return gate_.open_; }
        void start() noexcept { gate_.waiting_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Gate"; }

    private:
        Gate& gate_;
    };

    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }
    void open() noexcept {
        open_ = true;
        waiting_.wake_all();
    }

private:
    bool open_ = false;
    eddy::WaitQueue waiting_;
};

}  // namespace bench
