// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include <eddy/detail/awaiting.hpp>
#include <eddy/waiter.hpp>

namespace eddy::detail {

/// One wait made of several, of which exactly one happens: the type-free half of `select`.
///
/// Each operation is queued in its own place with `select_` pointing here. The first commit takes
/// the others out before anything else can happen, so no second grant is ever made.
class SelectBase : public Waiter {
public:
    /// One of the operations was committed by its waker.
    void committed(Waiter& winner) noexcept;

    [[nodiscard]] const char* what() const noexcept override { return "select"; }

protected:
    explicit SelectBase(std::span<Waiter*> operations) noexcept : operations_(operations) {}
    ~SelectBase() override = default;

    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    /// Before the i-th operation starts. False: one has been committed meanwhile, start no more.
    [[nodiscard]] bool prepare(std::size_t index) noexcept;
    /// Starting operation `index` threw: the ones before it leave.
    void start_failed(std::size_t index) noexcept;

    std::size_t winner_ = nobody;

private:
    void unlink() noexcept override;
    void pass_on() noexcept override;
    void withdraw_all() noexcept;

    std::span<Waiter*> operations_;
};

}  // namespace eddy::detail
