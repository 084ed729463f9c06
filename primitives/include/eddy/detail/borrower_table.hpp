// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <eddy/borrower.hpp>
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// Who has a token, and who waits for one: a hash table without nodes, so that coming and going
/// allocates nothing once it is large enough. After a crowd it shrinks.
///
/// Invariant: at most 3/4 full; an entry stands at its place or, without a gap, behind it.
class EDDY_API BorrowerTable final {
public:
    enum class Role : std::uint8_t { none, waiting, borrowing };

    /// `none` for a stranger.
    [[nodiscard]] Role role(const Borrower& who) const noexcept;
    /// Requires: a stranger. Throws: `std::bad_alloc`, nothing changed.
    void insert(const Borrower& who, Role role);
    /// Requires: no stranger, both.
    void set_role(const Borrower& who, Role role) noexcept;
    void erase(const Borrower& who) noexcept;

    [[nodiscard]] std::vector<Borrower> all(Role role) const;

private:
    struct Slot {
        Borrower who = Borrower(0);
        Role role = Role::none;
    };

    [[nodiscard]] std::size_t home(const Borrower& who) const noexcept;
    [[nodiscard]] std::size_t find(const Borrower& who) const noexcept;
    void resize(std::size_t count);

    std::vector<Slot> slots_;  // none, or a power of two
    std::size_t used_ = 0;
};

}  // namespace eddy::inline v0_1::detail
