// SPDX-License-Identifier: MIT
#include <eddy/detail/scope_node.hpp>

#include <string>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/require.hpp>

#include "cancelled_access.hpp"

namespace eddy::detail {

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
    return node.cancel_called || (!node.shield && node.parent != nullptr && node.parent->effective);
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

void ScopeNode::enter(ScopeNode& new_parent) noexcept {
    link_child(new_parent, *this);
    effective = should_be_effective(*this);
}

Job* ScopeNode::occupant() noexcept {
    return job_root ? static_cast<Job*>(this) : static_cast<InnerScope*>(this)->job;
}

void ScopeNode::leave() noexcept {
    EDDY_REQUIRE(first_child == nullptr,
                 "a scope was left while scopes or jobs inside it live on: leave them in reverse "
                 "order of entry");
    unlink_child(*this);
}

void ScopeNode::move_under(ScopeNode& new_parent) noexcept {
    unlink_child(*this);
    link_child(new_parent, *this);
    push_down();
}

void ScopeNode::cancel(CancelSource why, std::string_view reason) noexcept {
    if (cancel_called) {
        return;
    }
    cancel_called = true;
    source = why;
    if (why != CancelSource::deadline) {
        try {
            const Job* by = thread_state.job;
            cause = std::make_unique<const std::shared_ptr<const CancelCause>>(
                std::make_shared<const CancelCause>(CancelCause{
                    why, std::string(reason), by != nullptr ? by->label() : std::string()}));
        } catch (...) {  // out of memory: the source has to do
        }
    }
    push_down();
}

void ScopeNode::set_shield(bool on) noexcept {
    shield = on;
    push_down();
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

Cancelled ScopeNode::make_cancelled() const {
    const ScopeNode* found = nullptr;
    bool hidden = false;  // a shield went up after the wait was aborted: still say why
    for (const ScopeNode* node = this; node != nullptr; node = node->parent) {
        if (node->cancel_called && (!hidden || found == nullptr)) {
            found = node;
        }
        hidden = hidden || node->shield;
    }
    if (found == nullptr) {
        return CancelledAccess::make(plain_cause(CancelSource::explicit_call));
    }
    return CancelledAccess::make(found->cause ? *found->cause : plain_cause(found->source));
}

}  // namespace eddy::detail
