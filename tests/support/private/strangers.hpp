// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "wrong_thread.hpp"

/// Children that let go of what their parent's jobs wait for: none of those may run there.

namespace eddy::testing {

/// Jobs that have gone on in another process than the one they were made in.
struct Strangers {
    int count = 0;
};

inline Task<> noted(Strangers& strangers, Task<> wait) {
    struct AtEnd {
        Strangers& strangers;
        pid_t parent = getpid();
        ~AtEnd() { strangers.count += getpid() == parent ? 0 : 1; }
    };
    const AtEnd at_end{strangers};
    co_await std::move(wait);
}

inline Task<int> in_own_loop(void (*call)(void*), void* drop, const Strangers& strangers) {
    call(drop);
    for (int i = 0; i < 5; ++i) {
        co_await yield();
    }
    co_await sleep_for(std::chrono::milliseconds(1));  // its own deadlines are as they were
    co_return strangers.count + (Loop::current().statistics().jobs_alive == 1 ? 0 : 50);
}

inline void check_well(const ChildResult& child) {
    CHECK_MESSAGE(child.exit_code == 0,
                  child.exit_code << ", signal " << child.signal << ": " << child.errors);
}

/// Calls `drop` in three children: in the job that forked, in a loop of its own, and, forked on a
/// thread that has no loop.
template <class Drop>
void in_children(const Strangers& strangers, Drop drop) {
    check_well(run_in_child([&] {
        drop();
        return strangers.count;
    }));
    check_well(run_in_child([&] {
        return run(
            in_own_loop([](void* what) { (*static_cast<Drop*>(what))(); }, &drop, strangers));
    }));
#if EDDY_FORKS_AMONG_THREADS
    ChildResult child;
    on_another_thread([&] {
        child = run_in_child([&] {
            drop();
            return strangers.count;
        });
    });
    check_well(child);
#endif
}

}  // namespace eddy::testing
