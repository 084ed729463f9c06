// SPDX-License-Identifier: MIT
#include <eddy/detail/borrower_table.hpp>

#include <algorithm>
#include <utility>

#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::size_t kept_slots = 1024;  // slots, whatever their number was

}  // namespace

std::size_t BorrowerTable::home(const Borrower& who) const noexcept {
    // Fibonacci hashing: ids in a row, and addresses with their zeros, spread well.
    const std::uint64_t mixed =
        (who.value() ^ static_cast<std::uint64_t>(who.kind()) << 62U) * 0x9e3779b97f4a7c15U;
    return static_cast<std::size_t>(mixed >> 32U) & (slots_.size() - 1);
}

/// Its place, or the free one where it would stand. Requires: there are slots.
std::size_t BorrowerTable::find(const Borrower& who) const noexcept {
    std::size_t at = home(who);
    while (slots_[at].role != Role::none && slots_[at].who != who) {
        at = (at + 1) & (slots_.size() - 1);
    }
    return at;
}

BorrowerTable::Role BorrowerTable::role(const Borrower& who) const noexcept {
    return slots_.empty() ? Role::none : slots_[find(who)].role;
}

void BorrowerTable::insert(const Borrower& who, Role role) {
    if ((used_ + 1) * 4 > slots_.size() * 3) {
        resize(std::max<std::size_t>(8, slots_.size() * 2));
    }
    Slot& slot = slots_[find(who)];
    EDDY_ASSERT(slot.role == Role::none);
    slot = {who, role};
    ++used_;
}

void BorrowerTable::set_role(const Borrower& who, Role role) noexcept {
    Slot& slot = slots_[find(who)];
    EDDY_ASSERT(slot.role != Role::none);
    slot.role = role;
}

/// Closes the gap: an entry behind it moves up unless that would put it before its home.
void BorrowerTable::erase(const Borrower& who) noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t gap = find(who);
    EDDY_ASSERT(slots_[gap].role != Role::none);
    for (std::size_t at = (gap + 1) & mask; slots_[at].role != Role::none; at = (at + 1) & mask) {
        const std::size_t displaced = (at - home(slots_[at].who)) & mask;
        if (displaced >= ((at - gap) & mask)) {
            slots_[gap] = slots_[at];
            gap = at;
        }
    }
    slots_[gap].role = Role::none;
    --used_;
    if (slots_.size() > kept_slots && used_ < slots_.size() / 16) {
        try {
            resize(slots_.size() / 4);
        } catch (...) {  // no memory for a smaller one: the large one does
        }
    }
}

void BorrowerTable::resize(std::size_t count) {
    std::vector<Slot> old(count);
    std::swap(old, slots_);
    for (const Slot& slot : old) {
        if (slot.role != Role::none) {
            slots_[find(slot.who)] = slot;
        }
    }
}

std::vector<Borrower> BorrowerTable::all(Role role) const {
    std::vector<Borrower> found;
    for (const Slot& slot : slots_) {
        if (slot.role == role) {
            found.push_back(slot.who);
        }
    }
    return found;
}

}  // namespace eddy::inline v0_1::detail
