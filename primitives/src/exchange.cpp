// SPDX-License-Identifier: MIT
#include <eddy/detail/exchange.hpp>

namespace eddy::inline v0_1::detail {

ExchangeWait* ExchangeCore::next_other(const QueuedWaiter& first,
                                       const ExchangeWait& self) noexcept {
    const ListLink* const end = first.prev;
    for (ListLink* link = first.next; link != end; link = link->next) {
        auto* const waiter = static_cast<ExchangeWait*>(static_cast<QueuedWaiter*>(link));
        if (!self.rivals(*waiter)) {
            return waiter;
        }
    }
    return nullptr;
}

ExchangeWait* ExchangeCore::pop_giver(const ExchangeWait* self) noexcept {
    QueuedWaiter* const first = givers_.front();
    const ListLink* const end = first->prev;
    for (ListLink* link = first; link != end; link = link->next) {
        auto* const giver = static_cast<ExchangeWait*>(static_cast<QueuedWaiter*>(link));
        if (giver->item_to_give_ != nullptr && (self == nullptr || !self->rivals(*giver))) {
            giver->unlink_self();
            return giver;
        }
    }
    return nullptr;
}

void ExchangeCore::check_waits(std::size_t stored, bool has_room) const noexcept {
#ifndef NDEBUG
    const auto* const taker = static_cast<const ExchangeWait*>(takers_.front());
    const auto* const giver = static_cast<const ExchangeWait*>(givers_.front());
    EDDY_ASSERT(taker == nullptr || stored == 0);
    EDDY_ASSERT(giver == nullptr || !has_room);
    if (taker != nullptr && giver != nullptr && giver->item_to_give_ != nullptr) {
        EDDY_ASSERT(taker->rivals(*giver));
    }
#else
    static_cast<void>(stored);
    static_cast<void>(has_room);
#endif
}

void ExchangeCore::end_all(WaitQueue& queue, End how) noexcept {
    while (QueuedWaiter* const waiter = queue.pop_front()) {
        static_cast<ExchangeWait*>(waiter)->end_ = how;
        waiter->commit();
    }
}

void ExchangeCore::end_through(WaitQueue& queue, std::uint64_t handle, End how) noexcept {
    WaitQueue ended;  // first all are found: a commit may take others out, those of its select
    std::size_t left = queue.size();
    for (; left != 0; --left) {
        QueuedWaiter* const waiter = queue.pop_front();
        const bool through = static_cast<ExchangeWait*>(waiter)->through_ == handle;
        (through ? ended : queue).push_back(*waiter);
    }
    end_all(ended, how);
}

}  // namespace eddy::inline v0_1::detail
