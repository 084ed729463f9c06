// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {

namespace detail {
struct CancelToken;
}
class CancelHandle;

[[nodiscard]] EDDY_API TimePoint current_effective_deadline();

/// How a scope begins. Relative and absolute deadline may both be given: the earlier counts. Time
/// that has been computed may be in the past, or negative, which is zero: cancelled at the first
/// checkpoint.
struct EDDY_VISIBLE ScopeOptions {
    TimePoint deadline = never;
    Duration timeout = Duration::max();  ///< counted from entry
    bool shield = false;                 ///< hide from cancellation that comes from outside
};

/// A stretch of a job's work that can be cancelled as a whole, with everything it spawned.
///
/// Scopes nest. While one is cancelled, every checkpoint inside throws `Cancelled`, again and
/// again, until the scope is left: cancellation is a level, not an edge. The scope absorbs the
/// exception at its own end, unless a scope around it, visible from here, is cancelled too. It is
/// entered by `with_scope`, `move_on_after` and their kin, which hand it to the body; made before
/// and passed by reference, it can be cancelled from anywhere on the loop.
///
///     const bool done = co_await with_scope({.timeout = 2s}, [](CancelScope& scope) -> Task<> {
///         ...
///         scope.set_deadline(after(now(), 2s));  // still making progress
///     });
///
/// Requires: entered at most once, by one job.
/// Throws:   everything: `WrongThread` off its loop, the one it was made or entered on; others have
///           its `handle`.
/// Lifetime: outlives the body; pinned.
/// Cost:     entering and leaving is constant (a deadline: O(log n)); a checkpoint reads one flag,
///           however deep it is nested; cancelling is linear in the scopes below.
/// Source:   trio's cancel scopes.
class EDDY_API CancelScope final : private detail::InnerScope, private detail::DeadlineNode {
public:
    CancelScope() noexcept : DeadlineNode(Rank::scope) {}
    explicit CancelScope(const ScopeOptions& options) noexcept;
    ~CancelScope() override;

    /// True once it was cancelled, or before entry when its deadline has passed. Never false again.
    [[nodiscard]] bool cancel_called() const;
    /// True after it has absorbed a cancellation.
    [[nodiscard]] bool cancelled_caught() const { return here().caught; }
    /// True between entry and exit.
    [[nodiscard]] bool entered() const { return here().phase_ == Phase::entered; }
    /// What cancelled it. Means nothing before `cancel_called`.
    [[nodiscard]] CancelSource cancel_source() const;
    /// When it ends. Before entry: when it would end if it were entered now; outside a loop, where
    /// there is no time, a timeout does not count.
    [[nodiscard]] TimePoint deadline() const;
    [[nodiscard]] bool shielded() const { return here().shield; }

    /// Cancels what runs inside. The first call decides the reason; after exit it does nothing.
    /// Waits below end now, their jobs run later.
    void cancel(std::string_view reason = {});

    /// Moves the deadline; one in the past cancels at once, `never` removes it. Before entry it
    /// replaces a timeout, too. What is cancelled stays cancelled.
    void set_deadline(TimePoint when);

    /// Hides the inside from outer cancellation, or stops hiding it: then a cancellation outside
    /// reaches the waits inside at once. Its own cancellation and deadline always get through.
    void set_shield(bool on);

    /// A handle that cancels the scope from any thread, and does no harm when the scope is gone.
    /// This call itself belongs on the scope's loop.
    ///
    /// Throws: `InvalidState` outside a loop.
    [[nodiscard]] CancelHandle handle();

private:
    friend class ScopeEntry;
    friend TimePoint current_effective_deadline();

    enum class Phase : std::uint8_t { fresh, entered, left };

    void due() noexcept override;
    /// Before entry: the deadline has gone by, or there is no time at all.
    [[nodiscard]] bool passed_unentered() const noexcept;
    void require_same_loop() const { bound_.check("CancelScope (others have its handle())"); }
    [[nodiscard]] const CancelScope& here() const {
        require_same_loop();
        return *this;
    }

    LoopBound bound_;
    Phase phase_ = Phase::fresh;
    // Invariant: timeout_ is of no meaning after entry; deadline_ then includes it.
    TimePoint deadline_ = never;
    Duration timeout_ = Duration::max();
    std::shared_ptr<detail::CancelToken> token_;
};

/// Enters a scope for the current job until the end of the block; for functions that run a body.
///
/// Requires: entries of a job end in reverse order, which holds for coroutine locals.
class EDDY_API ScopeEntry final {
public:
    /// Throws: `InvalidState` for a scope that was entered before.
    explicit ScopeEntry(CancelScope& scope);
    ScopeEntry(const ScopeEntry&) = delete;
    ScopeEntry& operator=(const ScopeEntry&) = delete;
    ~ScopeEntry() { leave(); }

    /// Leaves early. True if a `Cancelled` on its way out is to be absorbed here; the scope then
    /// says `cancelled_caught`.
    [[nodiscard]] bool leave_absorbing() noexcept;

private:
    void leave() noexcept;

    CancelScope& scope_;
    detail::Job* job_;
};

/// The earliest deadline that can reach the current job: `TimePoint::min()` when it is cancelled
/// already, `never` when there is none, or none that is visible through a shield.
///
/// Cost: linear in the scopes around.
[[nodiscard]] EDDY_API TimePoint current_effective_deadline();

}  // namespace eddy::inline v0_1
