// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

/// One wait made of several, of which exactly one happens: the type-free half of `select`.
///
/// Each operation is queued in its own place with this as its owner. The first commit takes
/// the others out before anything else can happen. One that refuses to leave (it is in flight) is
/// waited for, and what it brings is passed on, as if its frame had died.
///
/// Taking an operation out may let its queue grant another one of ours: that grant is passed on
/// too.
class EDDY_API SelectBase : public Waiter, private WaitOwner {
public:
    [[nodiscard]] const char* what() const noexcept override { return "select"; }

protected:
    SelectBase() noexcept = default;
    ~SelectBase() override = default;

    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

    /// Throws: `InvalidState` if another job waits in one of them.
    void begin();
    /// Operation `index` could finish at once, and has.
    void finished_at_once(std::size_t index) noexcept;

    /// Around the start of operation `index`. `prepare`, false: it has been started, the same
    /// object stands twice. `started`, false: one has been committed, start no more.
    [[nodiscard]] bool prepare(std::size_t index) noexcept;
    [[nodiscard]] bool started(std::size_t index) noexcept;
    /// Starting it threw: the ones before it leave. False: one has been committed, and the
    /// exception, of an operation that was not chosen, is not to be thrown.
    [[nodiscard]] bool start_failed(std::size_t index) noexcept;

    /// The winner's result is being taken.
    void taken() noexcept;

    /// Code of the user's may have run since the tries: ours calls out, or this is one of another
    /// wait's.
    [[nodiscard]] bool must_look(bool calls_out) noexcept {
        return calls_out || WaiterAccess::owner(*this) != nullptr;
    }

    std::span<Waiter* const> operations_;
    std::size_t winner_ = nobody;

private:
    void committed(Waiter& operation, bool willing) noexcept override;
    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;
    void catch_up() noexcept override;

    static void release(Waiter& operation) noexcept;
    [[nodiscard]] bool withdraw(std::size_t index) noexcept;
    [[nodiscard]] bool withdraw_losers() noexcept;
    void pass_on_losers() noexcept;
    void finish_if_alone() noexcept;

    // Invariant: queued operations point here; at most the winner is committed, but while one is
    // starting or others are being withdrawn, when commits are only noted.
    std::size_t starting_ = nobody;
    bool withdrawing_ = false;
    bool willing_ = false;  // the winner was
};

}  // namespace eddy::inline v0_1::detail
