// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/waiter.hpp>

namespace eddy::testing {

/// Waits for an answer of the outside world that never comes, and cannot be taken back: it lets go
/// only when the loop is over.
class Unanswered final : public Waiter {
public:
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() const noexcept {}
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Unanswered"; }

private:
    void unlink() noexcept override {}
    [[nodiscard]] bool abort() noexcept override { return false; }
    [[nodiscard]] bool sever() noexcept override { return true; }
};

}  // namespace eddy::testing
