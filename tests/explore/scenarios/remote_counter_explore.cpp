// SPDX-License-Identifier: MIT
#include <cstdint>
#include <memory>
#include <thread>

#include <eddy/counter.hpp>
#include <eddy/remote_counter.hpp>

#include "explore.hpp"
#include "loop.hpp"

namespace {

/// Adds `count` times, and what was accepted is in `accepted`.
void add(const eddy::RemoteCounter& remote, int count, std::int64_t delta, std::int64_t& accepted) {
    for (int i = 0; i < count; ++i) {
        if (remote.add(delta)) {
            accepted += delta;
        }
    }
}

}  // namespace

EXPLORE("remote counter: every sum arrives, and wakes the loop") {
    CoreLoop loop;
    {
        eddy::Counter counter(0);
        std::int64_t accepted = 0;
        std::int64_t others = 0;
        std::thread a([&, remote = counter.remote()] { add(remote, 2, 1, accepted); });
        std::thread b([&, remote = counter.remote()] { add(remote, 1, 10, others); });
        while (counter.value() != 12) {
            loop.turn();
        }
        a.join();
        b.join();
        explore::check(accepted + others == 12, "nothing is refused");
        explore::check(loop.woken() <= 3, "at most one wake-up for each");
    }
    loop.end();
}

EXPLORE("remote counter: closing takes what was accepted, and no more") {
    CoreLoop loop;
    {
        eddy::Counter counter(0);
        std::int64_t accepted = 0;
        std::int64_t others = 0;
        std::thread a([&, remote = counter.remote()] { add(remote, 2, 1, accepted); });
        std::thread b([&, remote = counter.remote()] { add(remote, 1, 10, others); });
        loop.core().run_turn();
        counter.close();
        const std::int64_t closed_at = counter.value();
        a.join();
        b.join();
        explore::check(counter.value() == closed_at, "a closed counter does not move");
        explore::check(accepted + others == closed_at, "accepted means applied");
    }
    loop.end();
}

EXPLORE("remote counter: the end of the loop takes what was accepted, and no more") {
    auto loop = std::make_unique<CoreLoop>();
    eddy::Counter counter(0);
    std::int64_t accepted = 0;
    std::int64_t others = 0;
    std::thread a([&, remote = counter.remote()] { add(remote, 2, 1, accepted); });
    std::thread b([&, remote = counter.remote()] { add(remote, 1, 10, others); });
    loop->core().run_turn();
    loop->end();
    const std::int64_t closed_at = counter.value();
    loop.reset();  // they hold what they need
    a.join();
    b.join();
    explore::check(accepted + others == closed_at, "accepted means applied");
}

EXPLORE("remote counter: the counter goes while threads add") {
    CoreLoop loop;
    std::int64_t accepted = 0;
    std::int64_t others = 0;
    std::thread a;
    std::thread b;
    {
        eddy::Counter counter(0);
        a = std::thread([&, remote = counter.remote()] { add(remote, 2, 1, accepted); });
        b = std::thread([&, remote = counter.remote()] { add(remote, 1, 10, others); });
        loop.core().run_turn();
    }
    loop.end();
    a.join();
    b.join();
}
