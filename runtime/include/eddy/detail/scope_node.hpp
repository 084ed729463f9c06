// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <eddy/detail/cause_slot.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

class Job;

/// A node of the cancellation tree: what every job, which is its own scope, and `CancelScope` have
/// in common. Every byte counts: each job has one.
///
/// Invariant: `effective == cancel_called || (!shield && parent != null && parent->effective)`
///            for a node in the tree, kept by pushing changes down at once, so that a checkpoint
///            reads one flag however deep it stands. Why it is cancelled is looked for when
///            somebody asks: each node that hangs on its parent (see `hangs`) knows it, or one
///            further out.
struct EDDY_API ScopeNode {
    ScopeNode() = default;
    ScopeNode(const ScopeNode&) = delete;
    ScopeNode& operator=(const ScopeNode&) = delete;

    ScopeNode* parent = nullptr;
    ScopeNode* first_child = nullptr;
    ScopeNode* prev = nullptr;  // siblings; order is of no meaning
    ScopeNode* next = nullptr;
    CauseSlot why;  // its own cause, if more than `source` is known; and the way to who speaks

    bool cancel_called = false;
    bool effective = false;
    bool shield = false;
    bool caught = false;        // it absorbed a `Cancelled`
    bool job_root = false;      // a Job; all others are an InnerScope
    bool cancel_scope = false;  // a CancelScope, with a deadline
    CancelSource source = CancelSource::explicit_call;

    /// Hangs the node under `new_parent` and takes its state on.
    void enter(ScopeNode& new_parent) noexcept;

    /// Whose wait is aborted when the node is cancelled: the job that has entered it. Null if none
    /// has: the loop's root scope, a JoinSet's.
    [[nodiscard]] Job* occupant() noexcept;

    /// Takes the node, with everything below it, out of the tree. What is cancelled stays so.
    void leave() noexcept;

    /// Moves the subtree below another parent, and aborts waits in it if that one is cancelled.
    void move_under(ScopeNode& new_parent) noexcept;

    /// Cancels; the first call decides the cause. Aborts the queued waits below, runs nothing.
    void cancel(CancelSource from, std::string_view reason) noexcept;

    void set_shield(bool on) noexcept;

    /// True when a `Cancelled` that arrives here stops here: this one was cancelled, and nobody
    /// outside who can be seen from here was.
    [[nodiscard]] bool absorbs() const noexcept { return cancel_called && !hangs(); }

    /// True when this scope or any around it was cancelled, visible or not: a `Cancelled` that
    /// was thrown before a shield went up is on its way legitimately.
    [[nodiscard]] bool inside_cancelled() const noexcept;

    /// It is cancelled because its parent is, whatever else it is.
    [[nodiscard]] bool hangs() const noexcept {
        return !shield && parent != nullptr && parent->effective;
    }

    /// Recomputes `effective` here and below, iteratively, and aborts the waits that it uncovers.
    void push_down() noexcept;

    /// The exception for a checkpoint under this effective scope: the outermost cancelled scope
    /// that can be seen from here speaks.
    ///
    /// Cost: O(log n) at depth n, amortised; the short cuts it leaves behind are what the scopes
    ///       around it need next.
    [[nodiscard]] Cancelled make_cancelled();
    /// The same where no scope was cancelled: of a wait that was asked to end by something else.
    [[nodiscard]] static Cancelled make_plain_cancelled();

    /// The invariants, of this node and its first few children. In debug builds every change looks.
    void check_invariants() const noexcept;

private:
    [[nodiscard]] ScopeNode& speaker() noexcept;
    [[nodiscard]] ScopeNode* towards_speaker() const noexcept;
    /// It is about to hang on its parent no more, or on another one.
    void forget_shortcuts() noexcept;
};

/// A scope within a job, or between jobs.
struct InnerScope : ScopeNode {
    Job* job = nullptr;  // see occupant()

    void enter(ScopeNode& new_parent, Job* who) noexcept {
        job = who;
        ScopeNode::enter(new_parent);
    }
};

}  // namespace eddy::inline v0_1::detail
