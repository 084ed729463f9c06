// SPDX-License-Identifier: MIT
#include <eddy/detail/serve_run.hpp>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <new>
#include <string>
#include <system_error>

#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/dump_jobs.hpp>
#include <eddy/error.hpp>

#include "net/peer_is_gone.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// Short of something that time may bring back. No space is what epoll says of a user who watches
/// too much. A security module forbids (EPERM) before the connection leaves the queue: asked again
/// at once, it would say the same of the same one.
bool is_shortage(const std::error_code& code) noexcept {
    return code == std::errc::too_many_files_open ||
           code == std::errc::too_many_files_open_in_system ||
           code == std::errc::not_enough_memory || code == std::errc::no_buffer_space ||
           code == std::errc::no_space_on_device || code == std::errc::operation_not_permitted;
}

/// Of the one connection that would have been next: Linux reports its network errors here.
bool is_of_one_connection(const std::error_code& code) noexcept {
    constexpr int codes[] = {ECONNABORTED,
                             EPROTO,
                             ENETDOWN,
                             ENOPROTOOPT,
                             EHOSTDOWN,
                             EHOSTUNREACH,
                             EOPNOTSUPP,
                             ENETUNREACH,
                             ETIMEDOUT,
                             ECONNRESET};
    return std::any_of(std::begin(codes), std::end(codes), [&](int number) {
        return code == std::error_condition(number, std::generic_category());
    });
}

}  // namespace

ServeRun::ServeRun(ServeState& state)
    : state_(&state), server_(*state.server()), core_(require_loop("serve")) {
    server_.bound_.check("serve");
    if (server_.silence_ != ServeOptions::no_limit) {
        silence_.reset(new SilenceLimit(core_, server_.silence_));
    }
    if (server_.draining_) {
        set_timers(server_.end_);
        begin_drain(server_.end_);
    }
    insert_before(server_.runs_);
}

ServeRun::~ServeRun() {
    unlink_self();
    core_.deadlines.remove(*this);
}

void ServeRun::set_timers(TimePoint end) {
    if (end == never) {
        core_.deadlines.remove(*this);
    } else {
        core_.deadlines.move(*this, end);
    }
    unwinding_ = over_ = false;
    if (end > core_.clock->now()) {  // else it cancels, which does not fail
        handlers.set_deadline(end);
    }
}

void ServeRun::begin_drain(TimePoint end) {
    if (end <= core_.clock->now()) {
        handlers.set_deadline(end);
    }
    accepting.cancel("the server drains");
}

/// The time to clean up counts from when the handlers were really cancelled, not from when they
/// should have been: a loop that is late does not take it from them.
void ServeRun::due() noexcept {
    if (unwinding_) {
        end_time();
        return;
    }
    unwinding_ = true;
    try {
        const TimePoint end = after(core_.clock->now(), server_.unwind_);
        if (end != never) {
            core_.deadlines.insert(*this, end);
        }
    } catch (const std::bad_alloc&) {
        end_time();
    }
}

void ServeRun::end_time() noexcept {
    over_ = true;
    if (!accepts_) {
        leave_alone();
    }
}

/// Whoever still runs goes to the loop's own group, for which nobody waits before the loop ends.
void ServeRun::leave_alone() noexcept {
    if (group_ == nullptr || group_->live == 0) {
        return;
    }
    const std::size_t left = state_->connections();
    state_->let_go_of_server();
    server_.counts_.left += left;
    server_.active_ -= left;
    server_.freed_.wake_all();
    for (ScopeNode* node = group_->scope.first_child; node != nullptr;) {
        ScopeNode* const sibling = node->next;
        if (node->job_root && node->occupant()->nursery == group_) {
            leave_alone(*node->occupant());
        }
        node = sibling;
    }
    group_->wake_host_if_empty();
}

void ServeRun::leave_alone(Job& job) noexcept {
    // For itself: it stays cancelled in a scope around it that is not.
    job.own_scope().cancel(CancelSource::deadline, "the server has drained");
    std::string where;
    try {
        where = describe_job(job);
    } catch (const std::bad_alloc&) {  // its name has to do
    }
    core_.observe(Observer::no_hooks, [&](Observer& o) { o.job_left(job.info(), where); });
    --group_->live;
    ++core_.root.live;
    job.nursery = &core_.root;
    job.own_scope().move_under(core_.root.scope);
}

std::optional<Duration> ServeRun::accept_failed(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const ClosedResource&) {
        return std::nullopt;
    } catch (const IoError& failed) {
        if (is_of_one_connection(failed.code())) {
            ++server_.counts_.aborted;
            return Duration::zero();
        }
        if (!is_shortage(failed.code())) {
            throw;
        }
    } catch (const std::bad_alloc&) {  // for the connection, or to say what is wrong with it
    }
    return back_off(error);
}

Duration ServeRun::back_off(const std::exception_ptr& error) {
    ++server_.counts_.pauses;
    if (pause_ == Duration::zero()) {  // once for each time that it lasts
        thread_state.core->report_failure(
            thread_state.job, error, "accept, which pauses and tries again");
        pause_ = server_.first_pause_;
    } else {
        pause_ = std::min(2 * pause_, server_.longest_pause_);
    }
    return pause_;
}

void ServeRun::accept_succeeded() noexcept { pause_ = {}; }

Duration ServeRun::turned_away(const std::exception_ptr& error) {
    ++server_.counts_.rejected;
    --server_.counts_.cancelled;  // as which that counted it
    return back_off(error);
}

// --- one connection ----------------------------------------------------------------------------

ServedConnection::ServedConnection(ServeState& state) noexcept : state_(&state) {
    state.retain();
    Server& server = *state.server();
    ++server.counts_.accepted;
    server.counts_.peak = std::max(server.counts_.peak, ++server.active_);
}

ServedConnection::~ServedConnection() {
    if (state_ == nullptr) {
        return;
    }
    if (Server* const server = state_->server()) {
        if (!handled_) {
            ++server->counts_.cancelled;
        }
        --server->active_;
        server->freed_.wake_all();
    }
    state_->release();
}

void ServedConnection::handled(const std::exception_ptr& error) {
    if (error && is_cancelled(error) && thread_state.job->own_scope().inside_cancelled()) {
        std::rethrow_exception(error);
    }
    handled_ = true;
    if (Server* const server = state_->server()) {
        ++(error ? server->counts_.failed : server->counts_.completed);
    }
    if (!error) {
        return;
    }
    if (!peer_is_gone(error)) {
        thread_state.core->report_failure(thread_state.job, error, "connection handler");
        return;
    }
    if (Server* const server = state_->server()) {
        ++server->counts_.lost;
    }
    thread_state.core->report_lost_connection(*thread_state.job, error);
}

}  // namespace eddy::inline v0_1::detail
