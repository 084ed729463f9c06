// SPDX-License-Identifier: MIT
#include <eddy/net/server.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <sys/resource.h>

#include <eddy/detail/serve_run.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

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

/// The processes' own, unless it is given.
std::size_t limit_of(const ServeOptions& options) {
    const std::size_t given = options.max_connections.checked("ServeOptions: max_connections");
    return given != 0 ? given : default_limit();
}

}  // namespace

Server::Server(const ServeOptions& options)
    : limit_(limit_of(options)),
      drain_(options.drain),
      unwind_(options.unwind),
      silence_(options.silence),
      first_pause_(options.first_pause),
      longest_pause_(std::max(options.longest_pause, options.first_pause)),
      name_(options.name),
      refusal_(options.refusal) {
    if (options.first_pause <= Duration::zero() || options.drain < Duration::zero() ||
        options.unwind < Duration::zero() || options.silence <= Duration::zero()) {
        throw std::invalid_argument(
            "ServeOptions: the pauses and the silence (no_limit for none) are above zero, and the "
            "times to drain and to unwind are not negative");
    }
}

Server::~Server() {
    EDDY_NO_USER(!runs_.linked(),
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
    const TimePoint end = after(now(), std::max(patience, Duration::zero()));
    const auto each_run = [this](auto&& call) {
        for (auto* link = runs_.next; runs_.linked() && link != &runs_; link = link->next) {
            call(static_cast<detail::ServeRun&>(*link));
        }
    };
    try {
        each_run([end](detail::ServeRun& run) { run.set_timers(end); });
    } catch (const std::bad_alloc&) {
        const TimePoint before = draining_ ? end_ : never;
        each_run([before](detail::ServeRun& run) { run.set_timers(before); });
        throw;
    }
    end_ = end;
    draining_ = true;
    each_run([end](detail::ServeRun& run) { run.begin_drain(end); });
    drain_waiters_.wake_all();
}

bool Server::DrainWait::try_now() {
    server_.bound_.check("Server::wait_draining");
    return server_.draining_;
}

}  // namespace eddy::inline v0_1
