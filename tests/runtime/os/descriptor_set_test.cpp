// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <string>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/os/descriptor.hpp>
#include <eddy/yield.hpp>

#include "descriptor_kit.hpp"

// When nobody waits for a borrowed descriptor, its number is in no epoll set: the owner may close
// it, and open another one.

namespace {

using namespace eddy::testing;
using eddy::Descriptor;
using eddy::IoError;
using eddy::Task;

/// More calls at the end of a turn than one turn makes.
class CrowdedTurnEnd {
public:
    void queue() {
        for (Call& call : calls_) {
            eddy::detail::thread_state.core->queue_at_turn_end(call);
        }
    }

private:
    struct Call final : eddy::detail::LoopCallback {
        void call() override {}
    };
    std::array<Call, 400> calls_;
};

EDDY_NET_TEST("a wait that is cancelled in the turn in which it began leaves nothing behind") {
    RawPipe pipe;
    const int fd = pipe.reader.get();
    Descriptor watched = Descriptor::borrow(fd);
    auto waiting = eddy::spawn(wait_readable(watched));
    while (!watched.statistics().reading) {
        co_await eddy::yield();
    }
    waiting.cancel();
    co_await waiting.wait();
    co_await settle();
    CHECK_FALSE(is_in_an_epoll_set(fd));
}

EDDY_NET_TEST("nor does one that ends before it has been registered") {
    CrowdedTurnEnd crowd;
    const RawPipe next;
    RawPipe pipe;
    const int fd = pipe.reader.get();
    Descriptor watched = Descriptor::borrow(fd);
    auto leaving = eddy::spawn(wait_hang_up(watched));
    co_await settle();
    crowd.queue();
    auto reading = eddy::spawn(wait_readable(watched));
    while (!watched.statistics().reading) {
        co_await eddy::yield();
    }
    pipe.close_writer();
    co_await reading;
    co_await leaving;
    CHECK(nobody_waits(watched));
    CHECK(::dup2(next.reader.get(), fd) == fd);  // its owner may
    co_await settle();
    CHECK_FALSE(is_in_an_epoll_set(fd));
}

EDDY_NET_TEST("nor does one that ends because its number has become another's") {
    RawPipe first;
    RawPipe second;
    const int number = first.reader.get();
    Descriptor watched = Descriptor::borrow(number);
    auto reading = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK(::dup2(second.reader.get(), number) == number);  // against the rules
    auto leaving = eddy::spawn(wait_hang_up(watched));
    const auto read_error = co_await failure_of(reading);
    const auto leave_error = co_await failure_of(leaving);
    CHECK(holds<IoError>(read_error));
    CHECK(holds<IoError>(leave_error));

    auto again = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK_FALSE(again.done());
    second.write("x");
    co_await again;
    CHECK_FALSE(is_in_an_epoll_set(number));
}

}  // namespace
