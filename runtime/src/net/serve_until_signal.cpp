// SPDX-License-Identifier: MIT
#include <eddy/net/serve_until_signal.hpp>

#include <csignal>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>

namespace eddy::inline v0_1::detail {

SignalsTaken::SignalsTaken()
    : core_(require_loop("serve_until_signal")), signals_({SIGINT, SIGTERM}) {
    ++core_.signal_takers;
}

SignalsTaken::~SignalsTaken() { --core_.signal_takers; }

Task<> drain_on_signals(Server& server, SignalSet& signals) {
    co_await signals.next();
    server.drain();
    while (true) {
        co_await signals.next();
        server.drain(Duration::zero());
    }
}

}  // namespace eddy::inline v0_1::detail
