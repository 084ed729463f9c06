// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/error.hpp>
#include <eddy/offload.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/task.hpp>

#include "explore.hpp"

/// What has become of an offloaded call, counted without atomics: all of it is ordered by the
/// offload itself.
struct Call {
    int ran = 0;
    int returned = 0;
    int refused = 0;
    int cancelled = 0;

    void must_be_over_once() const {
        explore::check(returned + refused + cancelled == 1, "it ends once");
        explore::check(ran == returned, "it has run if and only if it has returned");
    }
};

/// Awaits a call of `fn(args...)`, and counts how that ends.
template <class... FnAndArgs>
eddy::Task<void> offload(eddy::Executor& executor,
                         eddy::OffloadOptions options,
                         Call& call,
                         FnAndArgs... fn_and_args) {
    try {
        co_await eddy::run_in_executor(executor, options, fn_and_args...);
        ++call.returned;
    } catch (const eddy::ClosedResource&) {
        ++call.refused;
    } catch (const eddy::Cancelled&) {
        ++call.cancelled;
        throw;
    }
}

/// The same for a call that only counts itself.
inline eddy::Task<void> offload_one(eddy::Executor& executor,
                                    eddy::OffloadOptions options,
                                    Call& call) {
    co_await offload(executor, options, call, [&call] { ++call.ran; });
    explore::check(call.ran == call.returned, "what returns has run");
}
