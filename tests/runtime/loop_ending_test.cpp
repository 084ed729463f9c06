// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/loop_door.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>

// What was posted runs after the last job: the thread has a loop then, which takes nothing new.

namespace {

using eddy::Task;

class Door final : public eddy::LoopDoor {
private:
    void answer() override {}
    void closing() override {}
};

struct Opening {
    const char* name;
    std::function<void()> open;
};

const std::vector<Opening>& openings() {
    static const std::vector<Opening> all = {
        {"a signal set", [] { eddy::SignalSet set({SIGUSR1}); }},
        {"a listener",
         [] { static_cast<void>(eddy::TcpListener::listen(eddy::Address::loopback(0))); }},
        {"a pair of streams", [] { static_cast<void>(eddy::UnixStream::pair()); }},
        {"a job", [] { eddy::spawn([]() -> Task<> { co_return; }()).detach(); }},
        {"a call", [] { static_cast<void>(eddy::call_later(std::chrono::hours(1), [] {})); }},
        {"a door", [] { static_cast<void>(std::make_shared<Door>()); }},
    };
    return all;
}

}  // namespace

TEST_CASE("a loop that is ending opens nothing any more, and says so") {
    for (const Opening& opening : openings()) {
        bool refused = false;
        const auto main = [&]() -> Task<> {
            const bool posted = eddy::Loop::current().post([&] {
                try {
                    opening.open();
                } catch (const eddy::LoopClosed&) {
                    refused = true;
                }
            });
            CHECK(posted);
            co_return;
        };
        eddy::run(main());
        CHECK_MESSAGE(refused, opening.name);
    }
}
