// SPDX-License-Identifier: MIT
#include <eddy/net/serve.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <sys/resource.h>
#include <system_error>

#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy {

namespace {

/// Leaves a fifth of the descriptors for everything else.
std::size_t default_limit() noexcept {
    constexpr std::size_t most = 10'000;
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) {
        return most;
    }
    return std::clamp<std::size_t>(files.rlim_cur / 5 * 4, 1, most);
}

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

// --- the server --------------------------------------------------------------------------------

Server::Server(const ServeOptions& options)
    : limit_(options.max_connections != 0 ? options.max_connections : default_limit()),
      drain_(options.drain),
      first_pause_(options.first_pause),
      longest_pause_(std::max(options.longest_pause, options.first_pause)),
      name_(options.name) {
    if (options.first_pause <= Duration::zero() || options.drain < Duration::zero()) {
        throw std::invalid_argument(
            "ServeOptions: the pauses are above zero, and the time to drain is not negative");
    }
}

Server::~Server() {
    EDDY_REQUIRE(!runs_.linked(),
                 "a Server was destroyed while it serves: let its serve() return first");
}

ServeStatistics Server::statistics() const {
    bound_.check("Server::statistics");
    ServeStatistics now = counts_;
    now.active = active_;
    now.draining = draining_;
    return now;
}

bool Server::draining() const {
    bound_.check("Server::draining");
    return draining_;
}

void Server::drain(Duration patience) {
    bound_.check("Server::drain");
    end_ = after(now(), std::max(patience, Duration::zero()));
    draining_ = true;
    for (detail::ListLink* link = runs_.next; runs_.linked() && link != &runs_; link = link->next) {
        auto& run = static_cast<detail::ServeRun&>(*link);
        run.accepting.cancel("the server drains");
        run.handlers.set_deadline(end_);
    }
    drain_waiters_.wake_all();
}

bool Server::DrainWait::try_now() {
    server_.bound_.check("Server::wait_draining");
    return server_.draining_;
}

namespace detail {

// --- one serve() -------------------------------------------------------------------------------

ServeRun::ServeRun(Server& server) : server_(server) {
    server.bound_.check("serve");
    if (server.draining_) {
        accepting.cancel("the server drains");
        handlers.set_deadline(server.end_);
    }
    insert_before(server.runs_);
}

ServeRun::~ServeRun() { unlink_self(); }

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
    --server_.counts_.cancelled;  // as which its place was given back
    return back_off(error);
}

// --- one connection ----------------------------------------------------------------------------

ServedConnection::ServedConnection(Server& server) noexcept : server_(&server) {
    ++server.counts_.accepted;
    server.counts_.peak = std::max(server.counts_.peak, ++server.active_);
}

ServedConnection::~ServedConnection() {
    if (server_ != nullptr) {
        if (!handled_) {
            ++server_->counts_.cancelled;
        }
        --server_->active_;
        server_->freed_.wake_all();
    }
}

void ServedConnection::handled(const std::exception_ptr& error) {
    if (error && is_cancelled(error) && thread_state.job->own_scope().inside_cancelled()) {
        std::rethrow_exception(error);
    }
    handled_ = true;
    if (!error) {
        ++server_->counts_.completed;
        return;
    }
    ++server_->counts_.failed;
    thread_state.core->report_failure(thread_state.job, error, "connection handler");
}

}  // namespace detail
}  // namespace eddy
