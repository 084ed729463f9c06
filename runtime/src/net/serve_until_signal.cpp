// SPDX-License-Identifier: MIT
#include <eddy/net/serve_until_signal.hpp>

#include <algorithm>
#include <csignal>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>

namespace eddy::inline v0_1::detail {

SignalsTaken::SignalsTaken()
    : core_(require_loop("serve_until_signal")), signals_({SIGINT, SIGTERM}) {
    ++core_.signal_takers;
}

SignalsTaken::~SignalsTaken() { --core_.signal_takers; }

/// What a handler that is left alone after a second signal waits for does not end now; nor does the
/// loop wait for it then longer than the server did.
Task<> drain_on_signals(Server& server, SignalSet& signals, Duration unwind) {
    LoopCore& core = require_loop("serve_until_signal");
    co_await signals.next();
    server.drain();
    while (true) {
        co_await signals.next();
        core.most_grace = std::min(core.most_grace, unwind);
        server.drain(Duration::zero());
    }
}

}  // namespace eddy::inline v0_1::detail
