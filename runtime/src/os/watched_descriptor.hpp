// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <eddy/detail/descriptor_wait.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/os/descriptor.hpp>

#include "uv/poll_handle.hpp"

namespace eddy::inline v0_1::detail {

/// What a `Descriptor` is: at most one wait for each readiness.
///
/// An adopted descriptor is libuv's to watch, and stays armed from the first wait on, until an
/// event comes that nobody waits for.
///
/// A borrowed one libuv never hears of. It would end the process when it is to watch a number that
/// has been closed; and when it lets go of one, it takes the number's next bearer, a stream of the
/// same loop perhaps, out of its epoll set. So libuv watches a set of our own, and that has the
/// descriptor in it while a job waits. An event is reported once there: what its owner has closed,
/// while a duplicate of it lives on, can be taken out no more, and must not keep the loop busy.
///
/// Waits are registered at the end of the turn, all of them together: a `select` over two costs as
/// much as one, and what was closed meanwhile is noticed.
class WatchedDescriptor final : public PollHandle, private LoopCallback {
public:
    /// These take over what they are given, or throw `std::bad_alloc`. Requires: a loop.
    static WatchedDescriptor* adopted(int descriptor) {
        return new WatchedDescriptor(descriptor, descriptor, false);
    }
    static WatchedDescriptor* borrowed(OwnedFd& epoll_set, int descriptor) {
        return new WatchedDescriptor(epoll_set.release(), descriptor, true);
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] DescriptorStatistics statistics() const noexcept;
    void check_thread(const char* what) const { bound_.check(what); }
    /// Throws `ClosedResource`.
    void check_open(const char* what) const;

    /// Of one that was adopted just now: zero, or an errno.
    [[nodiscard]] int begin() noexcept { return watch(); }
    /// It could not be adopted, and is still the caller's.
    void disown() noexcept { static_cast<void>(give_up()); }

    void close() noexcept;
    /// The same, but the descriptor stays open. Requires: an open one, on its loop's thread.
    [[nodiscard]] int release_descriptor() noexcept;

    // --- for the waits -------------------------------------------------------------------------
    [[nodiscard]] bool try_wait(const DescriptorWait& wait);
    /// Throws `BusyResource`: another operation of the same select waits there already.
    void start_wait(DescriptorWait& wait);
    void stop_wait(Readiness readiness) noexcept;

private:
    WatchedDescriptor(int watched, int descriptor, bool is_borrowed);
    ~WatchedDescriptor() override = default;

    void on_ready(unsigned events) noexcept override;
    void on_loop_end() noexcept override { close(); }
    void call() override { register_waits(); }  // the turn ends

    [[nodiscard]] DescriptorWait*& waiter(Readiness readiness) noexcept {
        return waiters_[static_cast<std::size_t>(readiness)];
    }
    void require_free(const DescriptorWait& wait);
    [[nodiscard]] std::uint32_t awaited() const noexcept;
    [[nodiscard]] std::uint32_t ready_now(std::uint32_t wanted) const noexcept;
    void schedule() noexcept;
    void unschedule() noexcept;
    void register_waits() noexcept;
    [[nodiscard]] int arm_adopted(std::uint32_t wanted) noexcept;
    [[nodiscard]] int enter_set(std::uint32_t wanted) noexcept;
    void leave_set() noexcept;
    void stop_watching() noexcept;
    [[nodiscard]] std::uint32_t reported_by_set() const noexcept;
    void serve_adopted(unsigned events) noexcept;
    void serve(std::uint32_t ready) noexcept;
    void end_waits(int error) noexcept;

    // Invariant: scheduled_ or registered for whoever is in waiters_, but for a moment in the poll.
    LoopBound bound_;
    std::array<DescriptorWait*, 3> waiters_{};  // by their readiness
    const int descriptor_;
    const bool borrowed_;
    bool in_set_ = false;     // implies borrowed_
    bool scheduled_ = false;  // the loop calls at the end of the turn
};

}  // namespace eddy::inline v0_1::detail
