// SPDX-License-Identifier: MIT
#include <eddy/detail/select_base.hpp>

namespace eddy::detail {

using State = WaiterAccess::State;

bool SelectBase::prepare(std::size_t index) noexcept {
    if (winner_ != nobody) {
        return false;
    }
    Waiter& operation = *operations_[index];
    WaiterAccess::job(operation) = WaiterAccess::job(*this);
    WaiterAccess::select(operation) = this;
    WaiterAccess::state(operation) = State::queued;
    return true;
}

void SelectBase::start_failed(std::size_t index) noexcept {
    WaiterAccess::state(*operations_[index]) = State::done;
    withdraw_all();
}

void SelectBase::committed(Waiter& winner) noexcept {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
        if (operations_[i] == &winner) {
            winner_ = i;
        }
    }
    WaiterAccess::select(winner) = nullptr;
    withdraw_all();
    commit();
}

void SelectBase::unlink() noexcept { withdraw_all(); }

void SelectBase::pass_on() noexcept {
    if (winner_ != nobody) {
        Waiter& winner = *operations_[winner_];
        if (WaiterAccess::state(winner) == State::committed) {
            WaiterAccess::state(winner) = State::done;
            WaiterAccess::pass_on(winner);
        }
    }
}

void SelectBase::withdraw_all() noexcept {
    for (Waiter* operation : operations_) {
        if (WaiterAccess::state(*operation) == State::queued) {
            WaiterAccess::state(*operation) = State::done;
            WaiterAccess::unlink(*operation);
        }
    }
}

}  // namespace eddy::detail
