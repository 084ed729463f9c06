// SPDX-License-Identifier: MIT
#include <eddy/detail/scope_node.hpp>

#include <memory>
#include <string>
#include <utility>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/require.hpp>

#include "core/cancelled_access.hpp"

namespace eddy::inline v0_1::detail {

namespace {

void link_child(ScopeNode& parent, ScopeNode& child) noexcept {
    child.parent = &parent;
    child.prev = nullptr;
    child.next = parent.first_child;
    if (child.next != nullptr) {
        child.next->prev = &child;
    }
    parent.first_child = &child;
}

void unlink_child(ScopeNode& child) noexcept {
    if (child.parent == nullptr) {
        return;
    }
    if (child.prev != nullptr) {
        child.prev->next = child.next;
    } else {
        child.parent->first_child = child.next;
    }
    if (child.next != nullptr) {
        child.next->prev = child.prev;
    }
    child.parent = child.prev = child.next = nullptr;
}

[[nodiscard]] bool should_be_effective(const ScopeNode& node) noexcept {
    return node.cancel_called || node.hangs();
}

/// What everybody shares when nothing more is known than the source. Never freed.
[[nodiscard]] std::shared_ptr<const CancelCause> plain_cause(CancelSource source) {
    static const CancelCause causes[] = {{CancelSource::explicit_call, {}, {}},
                                         {CancelSource::deadline, {}, {}},
                                         {CancelSource::group, {}, {}},
                                         {CancelSource::shutdown, {}, {}}};
    return {std::shared_ptr<const CancelCause>(), &causes[static_cast<std::size_t>(source)]};
}

}  // namespace

void ScopeNode::check_invariants() const noexcept {
#ifndef NDEBUG
    constexpr int few = 8;  // children; a group may have a million
    EDDY_ASSERT(!cancel_called || effective);
    EDDY_ASSERT(parent == nullptr || effective == should_be_effective(*this));
    EDDY_ASSERT(why.shortcut() == nullptr || (hangs() && why.shortcut()->effective));
    EDDY_ASSERT(parent != nullptr || (prev == nullptr && next == nullptr));
    if (parent != nullptr) {
        EDDY_ASSERT((prev != nullptr ? prev->next : parent->first_child) == this);
        EDDY_ASSERT(next == nullptr || next->prev == this);
    }
    const ScopeNode* child = first_child;
    for (int i = 0; i < few && child != nullptr; ++i, child = child->next) {
        EDDY_ASSERT(child->parent == this);
        EDDY_ASSERT(child->effective == should_be_effective(*child));
    }
#endif
}

void ScopeNode::enter(ScopeNode& new_parent) noexcept {
    link_child(new_parent, *this);
    effective = should_be_effective(*this);
    check_invariants();
}

Job* ScopeNode::occupant() noexcept {
    return job_root ? static_cast<Job*>(this) : static_cast<InnerScope*>(this)->job;
}

void ScopeNode::leave() noexcept {
    EDDY_REQUIRE(first_child == nullptr,
                 "a scope was left while scopes or jobs inside it live on: leave them in reverse "
                 "order of entry");
    check_invariants();
    why.set_shortcut(nullptr);
    unlink_child(*this);
}

void ScopeNode::move_under(ScopeNode& new_parent) noexcept {
    forget_shortcuts();
    unlink_child(*this);
    link_child(new_parent, *this);
    push_down();
    check_invariants();
}

void ScopeNode::cancel(CancelSource from, std::string_view reason) noexcept {
    if (cancel_called) {
        return;
    }
    cancel_called = true;
    source = from;
    if (from != CancelSource::deadline) {
        try {
            const Job* by = thread_state.job;
            why.set_cause(std::make_shared<const CancelCause>(CancelCause{
                from, std::string(reason), by != nullptr ? by->label() : std::string()}));
        } catch (...) {  // out of memory: the source has to do
        }
    }
    push_down();
    check_invariants();
}

void ScopeNode::set_shield(bool on) noexcept {
    if (on && !shield) {
        forget_shortcuts();
    }
    shield = on;
    push_down();
    check_invariants();
}

bool ScopeNode::inside_cancelled() const noexcept {
    const ScopeNode* node = this;
    while (node != nullptr && !node->effective) {
        node = node->parent;
    }
    return node != nullptr;
}

void ScopeNode::push_down() noexcept {
    ScopeNode* node = this;
    while (true) {
        const bool was = node->effective;
        node->effective = should_be_effective(*node);
        const bool changed = was != node->effective;
        if (changed && node->effective) {
            Job* const job = node->occupant();
            if (job != nullptr && job->scope == node) {
                job->abort_wait();
            }
        }
        if (changed && node->first_child != nullptr) {
            node = node->first_child;
            continue;
        }
        while (node != this && node->next == nullptr) {
            node = node->parent;
        }
        if (node == this) {
            return;
        }
        node = node->next;
    }
}

// --- who speaks ----------------------------------------------------------------------------------

// Invariant: a short cut leads outwards to a node that is effective, as are all nodes in between,
// each of which hangs on its parent. So a path of short cuts and parents ends at the speaker, and
// what is cancelled further out later only makes it longer.

/// One step outwards, null at the end.
ScopeNode* ScopeNode::towards_speaker() const noexcept {
    ScopeNode* const shortcut = why.shortcut();
    return shortcut != nullptr ? shortcut : hangs() ? parent : nullptr;
}

/// The outermost node that makes this one effective. Everybody on the way gets a short cut.
ScopeNode& ScopeNode::speaker() noexcept {
    ScopeNode* found = this;
    while (ScopeNode* const step = found->towards_speaker()) {
        found = step;
    }
    for (ScopeNode* node = this; node != found;) {
        ScopeNode* const step = node->towards_speaker();
        node->why.set_shortcut(found);
        node = step;
    }
    return *found;
}

/// Here and below, as far as they may lead past this node.
void ScopeNode::forget_shortcuts() noexcept {
    if (!hangs()) {
        return;
    }
    ScopeNode* node = this;
    while (true) {
        node->why.set_shortcut(nullptr);
        ScopeNode* below = node->first_child;
        while (true) {
            while (below != nullptr && !below->hangs()) {
                below = below->next;
            }
            if (below != nullptr || node == this) {
                break;
            }
            below = node->next;
            node = node->parent;
        }
        if (below == nullptr) {
            return;
        }
        node = below;
    }
}

Cancelled ScopeNode::make_plain_cancelled() {
    return CancelledAccess::make(plain_cause(CancelSource::explicit_call));
}

Cancelled ScopeNode::make_cancelled() {
    ScopeNode* node = this;
    while (node != nullptr && !node->effective) {  // a shield went up after the wait was aborted:
        node = node->parent;                       // still say why
    }
    if (node == nullptr) {
        return make_plain_cancelled();
    }
    const ScopeNode& who = node->speaker();
    auto cause = who.why.share_cause();
    return CancelledAccess::make(cause != nullptr ? std::move(cause) : plain_cause(who.source));
}

}  // namespace eddy::inline v0_1::detail
