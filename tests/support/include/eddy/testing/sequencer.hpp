// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <eddy/wait_queue.hpp>

namespace eddy::testing {

/// Brings steps of several jobs into one order, whatever the scheduler does.
///
///     Sequencer order;
///     // job A                              // job B
///     { auto s = co_await order.step(0);    { auto s = co_await order.step(1);
///       first(); }                            second(); }
///
/// A step begins when the one before it has ended, that is, when its guard is gone. A job that is
/// cancelled before its step breaks the sequence: every later step throws `BrokenResource`.
///
/// Source: trio's Sequencer.
class Sequencer final {
public:
    class Wait;

    /// Holds a step open; its end lets the next one begin.
    class Step final {
    public:
        Step(Step&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
        Step& operator=(Step&&) = delete;
        ~Step();

    private:
        friend class Wait;
        explicit Step(Sequencer& owner) noexcept : owner_(&owner) {}
        Sequencer* owner_;
    };

    Sequencer() = default;
    Sequencer(const Sequencer&) = delete;
    Sequencer& operator=(const Sequencer&) = delete;

    /// Waits for step `number`, counted from zero. Throws: `InvalidState` for one that is over or
    /// has begun.
    [[nodiscard]] Wait step(std::uint32_t number) noexcept;

private:
    void wake_next() noexcept;
    void broken_by(Wait& wait) noexcept;

    std::uint32_t next_ = 0;  // the step that may begin
    bool open_ = false;       // step next_ has begun
    bool broken_ = false;
    WaitQueue waiting_;
};

class Sequencer::Wait final : public QueuedWaiter {
public:
    explicit Wait(Sequencer& owner, std::uint32_t number) noexcept
        : owner_(owner), number_(number) {}
    ~Wait() override {
        if (!had_its_turn_) {
            owner_.broken_by(*this);  // cancelled before it could even queue
        }
    }

    [[nodiscard]] bool try_now();
    void start() noexcept { owner_.waiting_.push_back(*this); }
    [[nodiscard]] Step take();
    [[nodiscard]] const char* what() const noexcept override { return "Sequencer::step"; }

private:
    friend class Sequencer;
    void unlink() noexcept override;
    void pass_on() noexcept override;

    Sequencer& owner_;
    std::uint32_t number_;
    bool had_its_turn_ = false;
};

inline Sequencer::Wait Sequencer::step(std::uint32_t number) noexcept {
    return Wait(*this, number);
}

}  // namespace eddy::testing
