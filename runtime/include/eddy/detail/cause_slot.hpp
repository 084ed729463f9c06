// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

struct ScopeNode;

/// Two things that few nodes of the cancellation tree have, in one word that all of them pay for:
/// the cause of its own cancellation, and a short cut to a node further out that is cancelled, too.
///
/// Cost: a cause is two allocations, a short cut none.
class CauseSlot final {
public:
    CauseSlot() noexcept = default;
    CauseSlot(const CauseSlot&) = delete;
    CauseSlot& operator=(const CauseSlot&) = delete;
    ~CauseSlot() { delete box(); }

    /// Null if it has none.
    [[nodiscard]] const CancelCause* cause() const noexcept {
        return has_box() ? box()->cause.get() : nullptr;
    }
    [[nodiscard]] std::shared_ptr<const CancelCause> share_cause() const noexcept {
        return has_box() ? box()->cause : nullptr;
    }
    /// Requires: no cause. Throws: `std::bad_alloc`, unchanged.
    void set_cause(std::shared_ptr<const CancelCause> cause) {
        auto made = std::make_unique<Box>(std::move(cause), shortcut());
        bits_ = reinterpret_cast<std::uintptr_t>(made.release());
    }

    /// Null if it has none.
    [[nodiscard]] ScopeNode* shortcut() const noexcept {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): what was put in below
        return has_box() ? box()->shortcut : reinterpret_cast<ScopeNode*>(bits_ & ~mark);
    }
    void set_shortcut(ScopeNode* node) noexcept {
        if (has_box()) {
            box()->shortcut = node;
        } else {
            bits_ = node != nullptr ? reinterpret_cast<std::uintptr_t>(node) | mark : 0;
        }
    }

private:
    struct Box {
        Box(std::shared_ptr<const CancelCause> why, ScopeNode* node) noexcept
            : cause(std::move(why)), shortcut(node) {}

        std::shared_ptr<const CancelCause> cause;
        ScopeNode* shortcut;
    };

    // What is marked is a ScopeNode*; what is not, an owned Box*, or null. Neither is ever odd.
    static constexpr std::uintptr_t mark = 1;
    [[nodiscard]] bool has_box() const noexcept { return bits_ != 0 && (bits_ & mark) == 0; }
    [[nodiscard]] Box* box() const noexcept {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): what was put in above
        return has_box() ? reinterpret_cast<Box*>(bits_) : nullptr;
    }

    std::uintptr_t bits_ = 0;
};

}  // namespace eddy::inline v0_1::detail
