// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/time.hpp>

namespace eddy::inline v0_1::detail {

/// Something with a deadline: a sleeping job, a scope, a timer. Its owner embeds it.
class DeadlineNode {
public:
    /// Who goes first of those that are due at the same moment: what was waited for has happened
    /// before a scope says that it is too late, and jobs have had their grace before it ends.
    enum class Rank : std::uint8_t { wait, scope, grace };

    DeadlineNode(const DeadlineNode&) = delete;
    DeadlineNode& operator=(const DeadlineNode&) = delete;

    [[nodiscard]] bool armed() const noexcept { return slot_ != unarmed; }

protected:
    explicit DeadlineNode(Rank rank = Rank::wait) noexcept : rank_(rank) {}
    virtual ~DeadlineNode() = default;

    /// The deadline passed; the node is no longer armed. Commits, cancels, queues; runs no user
    /// code.
    virtual void due() noexcept = 0;

private:
    friend class DeadlineHeap;
    friend class DeadlineLine;
    static constexpr std::uint32_t in_line = UINT32_C(1) << 31;
    static constexpr std::uint32_t unarmed = in_line - 1;  // so long is no heap

    // Where its entry is: a place in the heap, or `in_line` and a number in the line.
    std::uint32_t slot_ = unarmed;
    Rank rank_;
};

/// What the loop keeps of an armed node: looking for the next one does not touch the nodes, which
/// are somewhere else.
struct DeadlineEntry {
    TimePoint when;
    std::uint64_t order;  // for equal deadlines: the rank, in the top bits, then of registration
    DeadlineNode* node;

    static constexpr unsigned rank_shift = 62;
    [[nodiscard]] std::uint64_t registration() const noexcept {
        return order & ((UINT64_C(1) << rank_shift) - 1);
    }
    [[nodiscard]] bool before(const DeadlineEntry& other) const noexcept {
        return when != other.when ? when < other.when : order < other.order;
    }
};

}  // namespace eddy::inline v0_1::detail
