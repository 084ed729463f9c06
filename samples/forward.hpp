// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <utility>

#include <eddy/net/copy.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

/// Joins two connections; `bytes` counts, also when that breaks.
template <eddy::Stream A, eddy::Stream B>
eddy::Task<> join(A client, B server, eddy::CopiedBytes& bytes) {
    eddy::TimedStream near(std::move(client), {.idle = std::chrono::seconds(60)});
    eddy::TimedStream far(std::move(server), {.idle = std::chrono::seconds(60)});
    try {
        co_await eddy::copy_bidirectional(near, far, {.progress = &bytes});
    } catch (...) {          // cancelled, too
        near.close_reset();  // an orderly end would say: that was all
        far.close_reset();
        throw;
    }
}

/// Joins a client with the server that `connect()` gives.
template <eddy::Stream S, class Connect>
eddy::Task<> forward(S client, const Connect& connect, eddy::CopiedBytes& bytes) {
    auto server = co_await eddy::fail_after(std::chrono::seconds(10), connect());
    co_await join(std::move(client), std::move(server), bytes);
}
