// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <eddy/alarm.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/time.hpp>
#include <eddy/wait_queue.hpp>

/// A tap that drips: every `period` a drop falls to the job that has waited longest.
///
/// A whole primitive, for own_primitive.cpp and for you to copy.
///
/// Throws:   `std::invalid_argument` for a period that is not positive.
/// Order:    first come, first served; nobody runs inside the tap.
/// Lifetime: a tap outlives its waiters.
class Tap final : private eddy::Alarm {
public:
    class Drop;

    explicit Tap(eddy::Duration period) : period_(period) {
        if (period <= eddy::Duration::zero()) {
            throw std::invalid_argument("Tap: the period must be positive");
        }
    }
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;
    ~Tap() override = default;  // the queue aborts if jobs wait, the alarm if it is armed

    /// Drops that nobody waited for, or that fell to jobs which were then destroyed.
    [[nodiscard]] std::size_t spare() const {
        bound_.check("Tap::spare");
        return spare_;
    }
    /// One drop more, now.
    void pour() {
        bound_.check("Tap::pour");
        give();
    }

    /// Waits for a drop; returns how many have been drunk, this one included.
    ///
    /// Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Drop drop();

private:
    /// The alarm: a job has been granted its drop when this returns, but has not run.
    void due() noexcept override {
        give();
        if (!waiting_.empty()) {
            arm(eddy::after(eddy::now(), period_));
        }
    }
    void give() noexcept {
        if (!waiting_.wake_one()) {
            ++spare_;
        }
        if (waiting_.empty()) {
            disarm();
        }
    }

    // Invariant: armed if and only if somebody waits; nobody waits while there is a spare drop.
    eddy::LoopBound bound_;
    eddy::Duration period_;
    std::size_t spare_ = 0;
    std::uint64_t drunk_ = 0;
    eddy::WaitQueue waiting_;
};

/// The wait: it lives in the frame of the job that awaits it, and is its own place in the queue.
class Tap::Drop final : public eddy::QueuedWaiter {
public:
    explicit Drop(Tap& tap) noexcept : tap_(tap) {}

    /// At once, if possible. Changes nothing if it throws or says false.
    [[nodiscard]] bool try_now() {
        tap_.bound_.check("Tap::drop");  // WrongThread for a thread of another loop
        if (tap_.spare_ == 0) {
            return false;
        }
        --tap_.spare_;
        return true;
    }
    /// It has to wait. What can throw comes first.
    void start() {
        if (tap_.waiting_.empty()) {
            tap_.arm(eddy::after(eddy::now(), tap_.period_));
        }
        tap_.waiting_.push_back(*this);
    }
    /// It has been granted, and the job runs again.
    [[nodiscard]] std::uint64_t take() noexcept { return ++tap_.drunk_; }
    [[nodiscard]] const char* what() const noexcept override { return "Tap::drop"; }

private:
    /// Not granted, and it waits no longer: cancelled, not chosen by `select`, or destroyed.
    void unlink() noexcept override {
        QueuedWaiter::unlink();
        if (tap_.waiting_.empty()) {
            tap_.disarm();
        }
    }
    /// Granted, and nobody will take it (the frame died first): the next job gets the drop.
    void pass_on() noexcept override { tap_.give(); }

    Tap& tap_;
};

inline Tap::Drop Tap::drop() { return Drop(*this); }
