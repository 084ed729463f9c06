// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>

#include <eddy/detail/export.hpp>
#include <eddy/detail/waiter_heap.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1 {
class Counter;
}

namespace eddy::inline v0_1::detail {

/// A wait on a `Counter`: what all of them have in common. Lives in the awaiting frame, together
/// with its predicate.
class EDDY_API CounterWait : public Waiter, private WaiterPlace {
public:
    static constexpr bool looks_again = true;

    /// Throws: `WrongThread`, `ClosedResource`, and what a predicate throws.
    [[nodiscard]] bool try_now();
    void start();
    /// The value that matched. Throws: `ClosedResource`, and what the predicate threw.
    [[nodiscard]] std::int64_t take();

protected:
    enum class Kind : std::uint8_t { at_least, at_most, zero, change, predicate };

    CounterWait(Counter& counter, Kind kind, std::int64_t threshold) noexcept
        : counter_(counter), threshold_(threshold), kind_(kind) {}
    ~CounterWait() override = default;

    [[nodiscard]] Kind kind() const noexcept { return kind_; }

private:
    friend class eddy::Counter;

    enum class Where : std::uint8_t { nowhere, low, high, zeros, general, due };

    /// Asked of general waits only, at every change.
    [[nodiscard]] virtual bool matches(std::int64_t value) {
        static_cast<void>(value);
        return true;
    }
    void unlink() noexcept final;

    [[nodiscard]] bool holds_now();

    Counter& counter_;
    std::int64_t threshold_;
    std::int64_t value_ = 0;    // that matched
    std::int64_t number_ = 0;   // of registration: who was first
    std::uint64_t seen_ = 0;    // the counter's updates when it was last looked at
    std::exception_ptr error_;  // of the predicate, at a change
    Kind kind_;
    Where where_ = Where::nowhere;
    bool closed_ = false;  // ended by Counter::close
};

}  // namespace eddy::inline v0_1::detail
