// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

class LoopCore;
class StartHost;

/// A scope with jobs in it, and somebody who waits until they are gone.
///
/// What groups, gather, race, join sets and the loop's root have in common; they differ in what the
/// end of a child means to them.
///
/// Invariant: `live` jobs have this as their nursery, and their own scopes hang below `scope`.
class EDDY_API Nursery {
public:
    class Join;

    Nursery(const Nursery&) = delete;
    Nursery& operator=(const Nursery&) = delete;

    InnerScope scope;
    LoopCore* core = nullptr;  // whose jobs these are
    std::size_t live = 0;
    std::size_t pending_starts = 0;  // children that may still move in
    StartHost* starts = nullptr;     // whose they are, linked: they hear of this one's end
    bool closed = false;             // the job that waits has left, or is about to

    /// `host`, the job that opened the nursery and will wait in it, enters and leaves the scope.
    void enter(Job& host) noexcept {
        core = host.nursery->core;
        scope.enter(*host.scope, &host);
        host.scope = &scope;
    }
    void leave(Job& host) noexcept {
        closed = true;
        host.scope = scope.parent;
        scope.leave();
    }

    /// Waits until no child is left; no checkpoint, and not to be cancelled: the children are.
    [[nodiscard]] Join join() noexcept;

    void child_gone(Job& child) noexcept {
        --live;
        wake_host_if_empty();
        child_ended(child);  // last: one that nobody waits in may end its own life here
    }
    void wake_host_if_empty() noexcept;

    /// Throws: `WrongThread` naming `what`.
    void require_same_loop(const char* what) const;

protected:
    Nursery() = default;
    ~Nursery() { EDDY_REQUIRE(live == 0, "a scope of jobs was destroyed while jobs run in it"); }

    /// `child` has ended with `state` and `error`; whoever keeps it, retains it.
    virtual void child_ended(Job& child) noexcept = 0;

private:
    Waiter* host_ = nullptr;
};

class Nursery::Join final : public Waiter {
public:
    static constexpr bool is_checkpoint = false;

    explicit Join(Nursery& nursery) noexcept : nursery_(nursery) {}

    [[nodiscard]] bool try_now() noexcept {
        nursery_.closed = nursery_.live == 0 && nursery_.pending_starts == 0;
        return nursery_.closed;
    }
    void start() noexcept { nursery_.host_ = this; }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "its children"; }

private:
    void unlink() noexcept override { nursery_.host_ = nullptr; }
    [[nodiscard]] bool abort() noexcept override { return false; }

    Nursery& nursery_;
};

inline Nursery::Join Nursery::join() noexcept { return Join(*this); }

inline void Nursery::wake_host_if_empty() noexcept {
    if (live == 0 && pending_starts == 0 && host_ != nullptr) {
        Waiter* host = host_;
        host_ = nullptr;
        closed = true;  // who comes before the job has resumed comes too late
        host->commit();
    }
}

/// The loop's own group: jobs that `spawn` starts. A failure here ends nobody else; it waits for
/// the handle, and is reported when there is none.
class EDDY_API RootNursery final : public Nursery {
protected:
    void child_ended(Job& child) noexcept override;
};

}  // namespace eddy::inline v0_1::detail
