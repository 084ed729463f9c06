// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <poll.h>

#include <doctest/doctest.h>

#include <uv.h>

#include <eddy/loop.hpp>

#include "attach_host.hpp"

namespace eddy::testing {

/// Polls as such a host does, for `most` at the longest. False: nothing came in that time.
inline bool poll_once(Host& host, int most = 5'000) {
    const int timeout = uv_backend_timeout(host.loop());
    pollfd fd{uv_backend_fd(host.loop()), POLLIN, 0};
    const int wait = timeout < 0 || timeout > most ? most : timeout;
    const int ready = ::poll(&fd, 1, wait);
    uv_run(host.loop(), UV_RUN_NOWAIT);
    return ready != 0 || wait != most;
}

/// Until `done`, or until the host would have slept for seconds.
inline bool poll_until(Host& host, const std::function<bool()>& done) {
    for (int i = 0; i < 1'000 && !done(); ++i) {
        if (!poll_once(host)) {
            return false;
        }
    }
    return done();
}

/// A host that has nothing to do itself, with a guest that has been there for a while.
struct Polled {
    Host host;
    std::unique_ptr<Loop> loop;
    bool gone = false;

    explicit Polled(const AttachOptions& options = {}) : loop(Loop::attach(host.loop(), options)) {
        settle();
    }
    Polled(const Polled&) = delete;
    Polled& operator=(const Polled&) = delete;

    /// For how long the host's next poll may block, in milliseconds; -1: for ever.
    [[nodiscard]] int timeout() { return uv_backend_timeout(host.loop()); }
    /// Until libuv would block for ever.
    void settle() {
        for (int i = 0; i < 100 && uv_backend_timeout(host.loop()) != -1; ++i) {
            poll_once(host, 0);
        }
    }
    void leave() {
        loop->detach([this] { gone = true; });
        CHECK(poll_until(host, [this] { return gone; }));
        CHECK(host.close() == 0);
    }
    /// `leave`, for a guest that was told to detach and to set `gone`.
    void see_it_gone() {
        CHECK(poll_until(host, [this] { return gone; }));
        CHECK(host.close() == 0);
    }
};

}  // namespace eddy::testing
