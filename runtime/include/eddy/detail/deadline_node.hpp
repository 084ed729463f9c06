// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/time.hpp>

namespace eddy::detail {

/// Something with a deadline: a sleeping job, a scope, a timer. Its owner embeds it.
class DeadlineNode {
public:
    DeadlineNode(const DeadlineNode&) = delete;
    DeadlineNode& operator=(const DeadlineNode&) = delete;

    [[nodiscard]] bool armed() const noexcept { return slot_ != unarmed; }

protected:
    DeadlineNode() noexcept = default;
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
};

/// What the loop keeps of an armed node: looking for the next one does not touch the nodes, which
/// are somewhere else.
struct DeadlineEntry {
    TimePoint when;
    std::uint64_t order;  // of registration, for equal deadlines
    DeadlineNode* node;

    [[nodiscard]] bool before(const DeadlineEntry& other) const noexcept {
        return when != other.when ? when < other.when : order < other.order;
    }
};

}  // namespace eddy::detail
