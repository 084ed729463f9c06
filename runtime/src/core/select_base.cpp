// SPDX-License-Identifier: MIT
#include <eddy/detail/select_base.hpp>

#include <utility>

#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1::detail {

using WaitState = WaiterAccess::State;

void SelectBase::begin() {
    for (const Waiter* operation : operations_) {
        WaiterAccess::require_free(*operation);
    }
    winner_ = nobody;
    willing_ = false;
}

void SelectBase::finished_at_once(std::size_t index) noexcept {
    winner_ = index;
    // Passed on if the frame dies now. There may be no job: what a writer writes has none.
    Waiter& operation = *operations_[index];
    WaiterAccess::job(operation) = thread_state.job;
    WaiterAccess::state(operation) = WaitState::committed;
}

void SelectBase::taken() noexcept { release(*operations_[winner_]); }

/// From here on nothing points from the operation to this frame: it may be awaited again when this
/// is gone.
void SelectBase::release(Waiter& operation) noexcept {
    WaiterAccess::state(operation) = WaitState::done;
    WaiterAccess::owner(operation) = nullptr;
}

// --- starting ----------------------------------------------------------------------------------

bool SelectBase::prepare(std::size_t index) noexcept {
    Waiter& operation = *operations_[index];
    if (WaiterAccess::state(operation) == WaitState::queued) {
        return false;  // the same object twice: it waits already
    }
    WaiterAccess::job(operation) = WaiterAccess::job(*this);
    WaiterAccess::owner(operation) = this;
    WaiterAccess::state(operation) = WaitState::queued;
    starting_ = index;
    return true;
}

bool SelectBase::started(std::size_t index) noexcept {
    starting_ = nobody;
    if (winner_ == nobody) {
        return true;
    }
    if (winner_ != index) {  // two of ours have met: the one that was queued before has won
        static_cast<void>(withdraw_losers());
    }
    finish_if_alone();
    return false;
}

bool SelectBase::start_failed(std::size_t index) noexcept {
    starting_ = nobody;
    release(*operations_[index]);
    if (winner_ != nobody) {
        finish_if_alone();
        return false;
    }
    unlink();  // not abort(): the exception cannot wait for one that is in flight
    return true;
}

// --- the end -----------------------------------------------------------------------------------

void SelectBase::committed(Waiter& operation, bool willing) noexcept {
    if (withdrawing_) {
        return;  // passed on by who withdraws
    }
    if (winner_ == nobody) {
        winner_ = 0;
        while (operations_[winner_] != &operation) {
            ++winner_;
        }
        willing_ = willing;
        static_cast<void>(withdraw_losers());
    } else if (starting_ == nobody) {
        pass_on_losers();  // it was in flight when another one won
    }
    finish_if_alone();
}

/// Commits when no loser is in flight any more, and none is in the middle of its start.
void SelectBase::finish_if_alone() noexcept {
    if (starting_ != nobody) {
        return;
    }
    for (Waiter* operation : operations_) {
        if (WaiterAccess::state(*operation) == WaitState::queued) {
            return;
        }
    }
    willing_ ? commit_willing() : commit();
}

bool SelectBase::withdraw(std::size_t index) noexcept {
    Waiter& operation = *operations_[index];
    if (!WaiterAccess::abort(operation)) {
        return false;
    }
    release(operation);
    return true;
}

bool SelectBase::withdraw_losers() noexcept {
    const bool outer = std::exchange(withdrawing_, true);
    const Waiter* const starting = starting_ == nobody ? nullptr : operations_[starting_];
    bool all = true;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
        if (operations_[i] != starting &&
            WaiterAccess::state(*operations_[i]) == WaitState::queued) {
            all = withdraw(i) && all;
        }
    }
    withdrawing_ = outer;
    pass_on_losers();
    return all;
}

void SelectBase::pass_on_losers() noexcept {
    // The object, and not its place: it may stand in two.
    const Waiter* const winner = winner_ == nobody ? nullptr : operations_[winner_];
    for (Waiter* operation : operations_) {
        if (operation != winner && WaiterAccess::state(*operation) == WaitState::committed) {
            release(*operation);
            WaiterAccess::pass_on(*operation);
        }
    }
}

bool SelectBase::abort() noexcept {
    // With a winner this waits only for losers in flight, which have been asked to end.
    return winner_ == nobody && withdraw_losers();
}

void SelectBase::catch_up() noexcept {
    for (Waiter* operation : operations_) {
        if (winner_ != nobody) {
            return;
        }
        if (WaiterAccess::state(*operation) == WaitState::queued) {
            WaiterAccess::catch_up(*operation);
        }
    }
}

bool SelectBase::sever() noexcept {
    bool severed = false;
    for (Waiter* operation : operations_) {
        if (WaiterAccess::state(*operation) == WaitState::queued &&
            WaiterAccess::sever(*operation)) {
            release(*operation);
            severed = true;
        }
    }
    if (!severed || !withdraw_losers()) {
        return false;
    }
    pass_on();
    return true;
}

void SelectBase::unlink() noexcept {
    withdrawing_ = true;
    for (Waiter* operation : operations_) {
        if (WaiterAccess::state(*operation) == WaitState::queued) {
            release(*operation);
            WaiterAccess::unlink(*operation);
        }
    }
    withdrawing_ = false;
    pass_on();
}

void SelectBase::pass_on() noexcept {
    winner_ = nobody;
    pass_on_losers();
}

}  // namespace eddy::inline v0_1::detail
