// SPDX-License-Identifier: MIT
#include <memory>
#include <thread>

#include <eddy/event.hpp>
#include <eddy/remote_event.hpp>

#include "explore.hpp"
#include "loop.hpp"

EXPLORE("remote event: one of two sets is enough") {
    CoreLoop loop;
    {
        eddy::Event event;
        std::thread a([remote = event.remote()] { remote.set(); });
        std::thread b([remote = event.remote()] { remote.set(); });
        while (!event.is_set()) {
            loop.turn();
        }
        a.join();
        b.join();
        explore::check(loop.woken() == 1, "one of them wakes the loop");
    }
    loop.end();
}

EXPLORE("remote event: who is woken sees what was done before") {
    CoreLoop loop;
    {
        eddy::Event event;
        eddy::Event other;
        int payload = 0;
        std::thread a([&payload, remote = event.remote()] {
            payload = 1;
            remote.set();
        });
        std::thread b([remote = other.remote()] { remote.set(); });
        while (!event.is_set() || !other.is_set()) {
            loop.turn();
        }
        explore::check(payload == 1, "what was done before");
        a.join();
        b.join();
    }
    loop.end();
}

EXPLORE("remote event: at the end of the loop, what was accepted has happened") {
    auto loop = std::make_unique<CoreLoop>();
    eddy::Event event;
    int payload = 0;
    bool accepted = false;
    bool again = false;
    std::thread a([&, remote = event.remote()] {
        payload = 1;
        accepted = remote.set();
        again = remote.set();
    });
    eddy::Event other;
    std::thread b([remote = other.remote()] { remote.set(); });
    loop->core().run_turn();
    loop->end();
    loop.reset();
    const bool set = event.is_set();
    if (set) {
        explore::check(payload == 1, "what was done before");
    }
    a.join();
    b.join();
    explore::check(set == accepted, "accepted means set");
    explore::check(!again || accepted, "what is closed stays closed");
}

EXPLORE("remote event: the event goes while threads set it") {
    CoreLoop loop;
    std::thread a;
    std::thread b;
    {
        eddy::Event event;
        a = std::thread([remote = event.remote()] { remote.set(); });
        b = std::thread([remote = event.remote()] { remote.set(); });
        loop.core().run_turn();
    }
    loop.end();
    a.join();
    b.join();
}
