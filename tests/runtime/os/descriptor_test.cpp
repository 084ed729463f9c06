// SPDX-License-Identifier: MIT
#include <eddy/os/descriptor.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/time.hpp>

#include "descriptor_kit.hpp"

// What the waits mean, and what can be waited for. Who owns what: descriptor_owner_test.cpp.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BusyResource;
using eddy::Descriptor;
using eddy::Task;

constexpr bool both_ways[] = {false, true};  // borrowed, adopted

EDDY_NET_TEST("readable ends when there is something to read, and once more if it is left there") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        const int fd = watched.native_handle();
        auto waiting = eddy::spawn(wait_readable(watched));
        co_await settle();
        CHECK(watched.statistics().reading);
        pipe.write("ab");
        co_await waiting;
        CHECK_FALSE(watched.statistics().reading);
        char byte = 0;
        CHECK(::read(fd, &byte, 1) == 1);  // one of two
        co_await watched.readable();
        CHECK(::read(fd, &byte, 1) == 1);
        CHECK_FALSE(ends_at_once(watched.readable()));
        CHECK(nobody_waits(watched));
    }
}

EDDY_NET_TEST("readable ends at the end of what there is to read") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        auto waiting = eddy::spawn(wait_readable(watched));
        co_await settle();
        pipe.close_writer();
        co_await waiting;
        co_await watched.readable();  // it stays so
        char byte = 0;
        CHECK(::read(watched.native_handle(), &byte, 1) == 0);
    }
}

EDDY_NET_TEST("writable ends when there is room") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        pipe.fill();
        Descriptor watched = watch(pipe.writer, adopts);
        auto waiting = eddy::spawn(wait_writable(watched));
        co_await settle();
        CHECK(watched.statistics().writing);
        static_cast<void>(pipe.read(65536));
        co_await waiting;
        co_await watched.writable();  // nobody has used it
        CHECK(nobody_waits(watched));
    }
}

EDDY_NET_TEST("hang_up ends when the writer has gone, also while something is unread") {
    for (const bool adopts : both_ways) {
        for (const bool reads : {false, true}) {
            RawPipe pipe;
            Descriptor watched = watch(pipe.reader, adopts);
            auto leaving = eddy::spawn(wait_hang_up(watched));
            auto reading = eddy::spawn([](Descriptor& of, bool wanted) -> Task<> {
                if (wanted) {
                    co_await of.readable();
                }
            }(watched, reads));
            co_await settle();
            CHECK(watched.statistics().awaiting_hang_up);
            CHECK(watched.statistics().reading == reads);
            pipe.write("unread");
            pipe.close_writer();
            co_await leaving;
            co_await reading;
            co_await watched.hang_up();
            co_await watched.readable();
        }
    }
}

EDDY_NET_TEST("hang_up goes on while there is something to read, whoever reads it") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        const int fd = watched.native_handle();
        auto leaving = eddy::spawn(wait_hang_up(watched));
        for (int i = 0; i < 3; ++i) {
            auto reading = eddy::spawn(wait_readable(watched));
            co_await settle();
            pipe.write("x");
            co_await reading;
            CHECK_FALSE(leaving.done());
            char byte = 0;
            CHECK(::read(fd, &byte, 1) == 1);
        }
        pipe.write("left there");
        co_await settle();
        CHECK_FALSE(leaving.done());
        pipe.close_writer();
        co_await leaving;
    }
}

EDDY_NET_TEST("the reader's end of a pipe that goes ends all waits of the writer's") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        pipe.fill();
        Descriptor watched = watch(pipe.writer, adopts);
        auto writing = eddy::spawn(wait_writable(watched));
        auto leaving = eddy::spawn(wait_hang_up(watched));
        auto reading = eddy::spawn(wait_readable(watched));
        co_await settle();
        pipe.close_reader();
        co_await writing;
        co_await leaving;
        co_await reading;
        co_await watched.hang_up();
        CHECK(nobody_waits(watched));
    }
}

EDDY_NET_TEST("a peer that only ends its side has hung up, and can still be written to") {
    for (const bool adopts : both_ways) {
        auto [mine, peer] = raw_unix_pair();
        Descriptor watched = watch(mine, adopts);
        auto leaving = eddy::spawn(wait_hang_up(watched));
        co_await settle();
        CHECK(::shutdown(peer.get(), SHUT_WR) == 0);
        co_await leaving;
        CHECK(ends_at_once(watched.readable()));
        const std::string much(65536, 'x');
        const int fd = watched.native_handle();
        while (::send(fd, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        }
        CHECK_FALSE(ends_at_once(watched.writable()));
        auto writing = eddy::spawn(wait_writable(watched));
        co_await settle();
        CHECK_FALSE(writing.done());
        ::close(peer.give());
        co_await writing;
    }
}

EDDY_NET_TEST("one job waits to read and another to write the same descriptor") {
    for (const bool adopts : both_ways) {
        auto [mine, peer] = raw_unix_pair();
        Descriptor watched = watch(mine, adopts);
        const std::string much(65536, 'x');
        const int fd = watched.native_handle();
        std::size_t sent = 0;
        for (ssize_t count = 0; (count = ::send(fd, much.data(), much.size(), MSG_DONTWAIT)) > 0;) {
            sent += static_cast<std::size_t>(count);
        }
        auto reading = eddy::spawn(wait_readable(watched));
        auto writing = eddy::spawn(wait_writable(watched));
        co_await settle();
        CHECK(::send(peer.get(), "x", 1, MSG_NOSIGNAL) == 1);
        co_await reading;
        CHECK_FALSE(writing.done());
        std::string drained(sent, '\0');
        CHECK(::recv(peer.get(), drained.data(), drained.size(), MSG_WAITALL) ==
              static_cast<ssize_t>(sent));
        co_await writing;
    }
}

EDDY_NET_TEST("of two jobs that wait for the same one is refused, and the other goes on") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        auto first = eddy::spawn(wait_readable(watched));
        co_await settle();
        CHECK_THROWS_AS(co_await watched.readable(), BusyResource);
        CHECK_THROWS_AS(
            static_cast<void>(co_await eddy::select(watched.hang_up(), watched.hang_up())),
            BusyResource);
        pipe.write("x");
        co_await first;
        CHECK(nobody_waits(watched));
    }
}

EDDY_NET_TEST("a select over reading, writing and time ends by whichever comes first") {
    for (const bool adopts : both_ways) {
        auto [mine, peer] = raw_unix_pair();
        Descriptor watched = watch(mine, adopts);
        const std::string much(65536, 'x');
        while (::send(watched.native_handle(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
        }
        auto timed = co_await eddy::select(
            watched.readable(), watched.writable(), watched.hang_up(), eddy::sleep_for(1h));
        CHECK(timed.index() == 3);
        CHECK(nobody_waits(watched));
        CHECK((adopts || !is_in_an_epoll_set(watched.native_handle())));

        auto read = eddy::spawn([](Descriptor& of) -> Task<std::size_t> {
            auto first = co_await eddy::select(of.readable(), of.writable(), of.hang_up());
            co_return first.index();
        }(watched));
        co_await settle();
        CHECK(::send(peer.get(), "x", 1, MSG_NOSIGNAL) == 1);
        const std::size_t which = co_await read;
        CHECK(which == 0);
        CHECK(nobody_waits(watched));
        CHECK((adopts || !is_in_an_epoll_set(watched.native_handle())));

        auto at_once = co_await eddy::select(watched.writable(), watched.readable());
        CHECK(at_once.index() == 1);
    }
}

EDDY_NET_TEST("one operation is awaited again and again") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        auto operation = watched.readable();
        for (int i = 0; i < 3; ++i) {
            const auto timed = co_await eddy::select(operation, eddy::sleep_for(1s));
            CHECK(timed.index() == 1);
            pipe.write("x");
            co_await operation;
            char byte = 0;
            CHECK(::read(watched.native_handle(), &byte, 1) == 1);
        }
    }
}

EDDY_NET_TEST("a descriptor that is always ready does not keep the other jobs from running") {
    for (const bool adopts : both_ways) {
        Raw event = raw_eventfd();
        Descriptor watched = watch(event, adopts);
        bool other_ran = false;
        auto other = eddy::spawn([](bool& ran) -> Task<> {
            ran = true;
            co_return;
        }(other_ran));
        int rounds = 0;
        while (!other_ran && rounds < 1000) {
            co_await watched.writable();
            ++rounds;
        }
        CHECK(rounds < 1000);
        co_await other;
    }
}

// --- kinds -------------------------------------------------------------------------------------

EDDY_NET_TEST("an eventfd: readable when it was signalled, writable unless it is full") {
    for (const bool adopts : both_ways) {
        Raw event = raw_eventfd();
        Descriptor watched = watch(event, adopts);
        const int fd = watched.native_handle();
        co_await watched.writable();
        const std::uint64_t most = 0xfffffffffffffffe;
        CHECK(::write(fd, &most, sizeof most) == sizeof most);
        auto writing = eddy::spawn(wait_writable(watched));
        co_await settle();
        CHECK_FALSE(writing.done());
        co_await watched.readable();
        std::uint64_t value = 0;
        CHECK(::read(fd, &value, sizeof value) == sizeof value);
        CHECK(value == most);
        co_await writing;
        CHECK_FALSE(ends_at_once(watched.readable()));
        CHECK_FALSE(ends_at_once(watched.hang_up()));
    }
}

EDDY_NET_TEST("an inotify tells of a file that was created") {
    std::string folder = "/tmp/eddy-inotify-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    Descriptor watched = Descriptor::adopt(::inotify_init1(IN_CLOEXEC));
    CHECK(::inotify_add_watch(watched.native_handle(), folder.c_str(), IN_CREATE) >= 0);
    auto waiting = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK_FALSE(waiting.done());
    std::ofstream(folder + "/news") << "!";
    co_await waiting;
    alignas(inotify_event) char buffer[512] = {};
    CHECK(::read(watched.native_handle(), buffer, sizeof buffer) > 0);
    CHECK(std::string(buffer + sizeof(inotify_event)) == "news");
    CHECK(::read(watched.native_handle(), buffer, sizeof buffer) < 0);  // non-blocking
    std::filesystem::remove_all(folder);
}

EDDY_NET_TEST("a pidfd is readable when its process has ended") {
    RawPipe leash;
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(leash.writer.give());
        char byte = 0;
        _exit(::read(leash.reader.get(), &byte, 1) == 0 ? 7 : 1);
    }
    Descriptor watched = Descriptor::adopt(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    CHECK_FALSE(ends_at_once(watched.readable()));
    auto waiting = eddy::spawn(wait_readable(watched));
    co_await settle();
    leash.close_writer();
    co_await waiting;
    int status = 0;
    CHECK(::waitpid(child, &status, WNOHANG) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}

EDDY_NET_TEST("a timerfd is readable when its time has come") {
    Descriptor watched =
        Descriptor::adopt(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    CHECK_FALSE(ends_at_once(watched.readable()));
    const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1'000'000}};
    CHECK(::timerfd_settime(watched.native_handle(), 0, &soon, nullptr) == 0);
    co_await watched.readable();
    std::uint64_t times = 0;
    CHECK(::read(watched.native_handle(), &times, sizeof times) == sizeof times);
    CHECK(times == 1);
}

EDDY_NET_TEST("virtual time does not stand still while a job waits for a descriptor") {
    RawPipe pipe;
    Descriptor watched = Descriptor::borrow(pipe.reader.get());
    auto waiting = eddy::spawn(wait_readable(watched));
    const eddy::TimePoint before = eddy::now();
    co_await eddy::sleep_for(24h);
    CHECK(eddy::now() - before == 24h);
    pipe.write("x");
    co_await waiting;
}

}  // namespace
