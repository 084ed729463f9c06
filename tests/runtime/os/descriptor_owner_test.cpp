// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/descriptor.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "../net/system_calls.hpp"
#include "broken_contract.hpp"
#include "child_process.hpp"
#include "descriptor_kit.hpp"
#include "shortage.hpp"
#include "wrong_thread.hpp"

// Whose a descriptor is: adopted, borrowed, given up, closed here or by somebody else.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::ClosedResource;
using eddy::Descriptor;
using eddy::InvalidState;
using eddy::IoError;
using eddy::Task;

constexpr bool both_ways[] = {false, true};  // borrowed, adopted

template <class Call>
std::string complaint(Call call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "none";
}

EDDY_NET_TEST("an adopted descriptor is made non-blocking, not inherited, and closed") {
    RawPipe pipe;
    CHECK(::fcntl(pipe.reader.get(), F_SETFD, 0) == 0);
    const int number = pipe.reader.get();
    {
        Descriptor watched = Descriptor::adopt(pipe.reader.give());
        CHECK(watched.native_handle() == number);
        CHECK(is_non_blocking(number));
        CHECK(is_close_on_exec(number));
    }
    CHECK_FALSE(is_open_descriptor(number));
    co_return;
}

EDDY_NET_TEST("a borrowed descriptor is left as it is: its flags, and open") {
    RawPipe pipe;
    CHECK(::fcntl(pipe.reader.get(), F_SETFD, 0) == 0);
    {
        Descriptor watched = Descriptor::borrow(pipe.reader.get());
        CHECK(watched.native_handle() == pipe.reader.get());
        auto waiting = eddy::spawn(wait_readable(watched));
        co_await settle();
        CHECK_FALSE(is_non_blocking(pipe.reader.get()));
        CHECK_FALSE(is_close_on_exec(pipe.reader.get()));
        pipe.write("x");
        co_await waiting;
        watched.close();
        CHECK_FALSE(watched.is_open());
    }
    CHECK_FALSE(is_non_blocking(pipe.reader.get()));
    CHECK(pipe.read() == "x");
}

EDDY_NET_TEST("a borrowed descriptor is watched while a job waits for it, and not between waits") {
    RawPipe pipe;
    const int fd = pipe.reader.get();
    Descriptor watched = Descriptor::borrow(fd);
    CHECK_FALSE(is_in_an_epoll_set(fd));
    auto waiting = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK(is_in_an_epoll_set(fd));
    waiting.cancel();
    CHECK_FALSE(is_in_an_epoll_set(fd));
    co_await waiting.wait();
    auto again = eddy::spawn(wait_readable(watched));
    co_await settle();
    pipe.write("x");
    co_await again;
    CHECK_FALSE(is_in_an_epoll_set(fd));
}

EDDY_NET_TEST("the number of a borrowed descriptor may be another's after each wait") {
    RawPipe first;
    RawPipe second;
    const int number = first.reader.get();
    Descriptor watched = Descriptor::borrow(number);
    first.write("x");
    co_await watched.readable();
    auto cancelled = eddy::spawn(wait_hang_up(watched));
    co_await settle();
    cancelled.cancel();
    co_await cancelled.wait();

    CHECK(::dup2(second.reader.get(), number) == number);
    auto waiting = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK_FALSE(waiting.done());
    second.write("y");
    co_await waiting;
    CHECK(first.writer.get() >= 0);
}

EDDY_NET_TEST("a stream with the number of what was borrowed is not disturbed") {
    RawPipe pipe;
    std::optional<Descriptor> watched(Descriptor::borrow(pipe.reader.get()));
    auto waiting = eddy::spawn(wait_readable(*watched));
    co_await settle();
    pipe.write("x");
    co_await waiting;
    const int number = pipe.reader.give();
    ::close(number);
    auto [mine, peer] = eddy::UnixStream::pair();
    CHECK((mine.native_handle() == number || peer.native_handle() == number));
    std::array<std::byte, 8> one{};
    std::array<std::byte, 8> other{};
    auto reader = eddy::spawn(read_task(mine, one));
    auto peer_reader = eddy::spawn(read_task(peer, other));
    co_await settle();
    watched.reset();
    co_await mine.write_all("to the peer");
    co_await peer.write_all("from it");
    const std::size_t counts = co_await reader + co_await peer_reader;
    CHECK(counts == 15);
}

EDDY_NET_TEST("what is closed in the turn in which a wait began ends the wait") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        const int number = pipe.reader.get();
        std::optional<Descriptor> watched(watch(pipe.reader, adopts));
        auto waiting = eddy::spawn(wait_readable(*watched));
        auto closing = eddy::spawn([](const Descriptor& of, int fd) -> Task<> {
            while (!of.statistics().reading) {
                co_await eddy::yield();
            }
            ::close(fd);
        }(*watched, number));
        const auto error = co_await failure_of(waiting);
        co_await closing;
        REQUIRE(holds<IoError>(error));
        CHECK(as<IoError>(error).code() == std::errc::bad_file_descriptor);
        CHECK(std::string(as<IoError>(error).what()) ==
              "Descriptor::readable: descriptor " + std::to_string(number) +
                  " was closed while a job waited for it; end the wait, or close the Descriptor, "
                  "first: Bad file descriptor");
        CHECK(nobody_waits(*watched));
        const std::string again =
            complaint([&] { static_cast<void>(watched->readable().try_now()); });
        CHECK(again.find("is not open any more") != std::string::npos);
        static_cast<void>(pipe.reader.give());
    }
}

EDDY_NET_TEST("a borrowed descriptor that comes back with its number is waited for again") {
    RawPipe pipe;
    const int number = pipe.reader.get();
    const Raw duplicate(::dup(number));
    Descriptor watched = Descriptor::borrow(number);
    auto waiting = eddy::spawn(wait_readable(watched));
    co_await settle();
    ::close(number);  // against the rules
    waiting.cancel();
    co_await waiting.wait();
    CHECK(::dup2(duplicate.get(), number) == number);
    auto again = eddy::spawn(wait_readable(watched));
    co_await settle();
    CHECK_FALSE(again.done());
    pipe.write("x");
    co_await again;
}

EDDY_NET_TEST("release gives up what was adopted, and ends its waits") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        auto reading = eddy::spawn(wait_readable(watched));
        auto leaving = eddy::spawn(wait_hang_up(watched));
        co_await settle();
        const int number = watched.native_handle();
        CHECK(is_in_an_epoll_set(number));
        CHECK(watched.release() == number);
        CHECK_FALSE(is_in_an_epoll_set(number));
        CHECK_FALSE(watched.is_open());
        CHECK_THROWS_AS(static_cast<void>(watched.release()), ClosedResource);
        const auto read_error = co_await failure_of(reading);
        const auto leave_error = co_await failure_of(leaving);
        CHECK(holds<ClosedResource>(read_error));
        CHECK(holds<ClosedResource>(leave_error));
        REQUIRE(is_open_descriptor(number));
        pipe.write("x");
        Descriptor next = adopts ? Descriptor::adopt(number) : Descriptor::borrow(number);
        co_await next.readable();
    }
}

EDDY_NET_TEST("close ends the waits, and so does the end of the object") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        const int number = pipe.reader.get();
        std::optional<Descriptor> watched(watch(pipe.reader, adopts));
        auto reading = eddy::spawn(wait_readable(*watched));
        auto leaving = eddy::spawn(wait_hang_up(*watched));
        co_await settle();
        watched->close();
        watched->close();
        CHECK(is_open_descriptor(number) != adopts);
        const auto read_error = co_await failure_of(reading);
        const auto leave_error = co_await failure_of(leaving);
        CHECK(holds<ClosedResource>(read_error));
        CHECK(holds<ClosedResource>(leave_error));
        CHECK_THROWS_AS(co_await watched->readable(), ClosedResource);
        CHECK_THROWS_AS(static_cast<void>(watched->native_handle()), ClosedResource);

        RawPipe third;
        watched.emplace(watch(third.reader, adopts));
        auto begun = eddy::spawn(wait_readable(*watched));
        while (!watched->statistics().reading) {
            co_await eddy::yield();
        }
        watched->close();  // in the same turn
        const auto begun_error = co_await failure_of(begun);
        CHECK(holds<ClosedResource>(begun_error));

        RawPipe other;
        watched.emplace(watch(other.reader, adopts));
        auto ended = eddy::spawn(wait_readable(*watched));
        co_await settle();
        watched.reset();
        const auto error = co_await failure_of(ended);
        CHECK(holds<ClosedResource>(error));
    }
}

EDDY_NET_TEST("what was moved from is said to be, and what was assigned to is closed first") {
    RawPipe pipe;
    RawPipe other;
    const int number = pipe.reader.get();
    Descriptor watched = Descriptor::adopt(pipe.reader.give());
    auto reading = eddy::spawn(wait_readable(watched));
    co_await settle();
    Descriptor moved = std::move(watched);
    CHECK_FALSE(watched.is_open());
    CHECK_THROWS_AS(static_cast<void>(watched.native_handle()), InvalidState);
    CHECK_THROWS_AS(watched.close(), InvalidState);
    CHECK_THROWS_AS(co_await watched.writable(), InvalidState);
    CHECK(moved.statistics().reading);  // the wait went along
    moved = Descriptor::borrow(other.reader.get());
    CHECK_FALSE(is_open_descriptor(number));
    const auto error = co_await failure_of(reading);
    CHECK(holds<ClosedResource>(error));
    CHECK(moved.native_handle() == other.reader.get());
}

EDDY_NET_TEST("what cannot be watched is said to be what it is, and stays its caller's") {
    const Raw file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const Raw folder(::open("/tmp", O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    const Raw nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const Raw name(::open("/dev/tty", O_PATH | O_CLOEXEC));
    const std::string ready = "it is always ready, read and write it directly";
    const auto says = [](int fd, const std::string& reason) {
        const std::string text = ": descriptor " + std::to_string(fd) + " " + reason;
        CHECK(complaint([&] { Descriptor::adopt(fd).close(); }) == "Descriptor::adopt" + text);
        CHECK(complaint([&] { Descriptor::borrow(fd).close(); }) == "Descriptor::borrow" + text);
    };
    says(-1, "is not open");
    says(65530, "is not open");
    says(file.get(), "is a regular file: " + ready);
    says(folder.get(), "is a directory: " + ready);
    says(name.get(), "only names a file (O_PATH): there is nothing to read or write");
    CHECK_FALSE(is_non_blocking(file.get()));
    CHECK(complaint([&] { Descriptor::adopt(nothing.get()).close(); }) ==
          "Descriptor::adopt: descriptor " + std::to_string(nothing.get()) +
              " cannot be watched: " + ready);
    CHECK(is_open_descriptor(nothing.get()));

    // Of these only a wait that has to wait finds out.
    Descriptor watched = Descriptor::borrow(nothing.get());
    co_await watched.readable();
    co_await watched.writable();
    CHECK_THROWS_AS(co_await watched.hang_up(), IoError);
    CHECK(nobody_waits(watched));
}

EDDY_NET_TEST("what this loop watches is not adopted twice, but may be borrowed") {
    auto [mine, peer] = eddy::UnixStream::pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(mine, buffer));
    co_await settle();
    CHECK_THROWS_AS(static_cast<void>(Descriptor::adopt(mine.native_handle())), InvalidState);
    Descriptor one = Descriptor::borrow(mine.native_handle());
    Descriptor other = Descriptor::borrow(mine.native_handle());
    auto first = eddy::spawn(wait_readable(one));
    auto second = eddy::spawn(wait_readable(other));
    co_await settle();
    co_await peer.write_all("x");
    co_await first;
    co_await second;
    const std::size_t count = co_await reader;
    CHECK(count == 1);
}

EDDY_NET_TEST("of two that were adopted with one number, the one that waits later is told") {
    RawPipe pipe;
    const int number = pipe.reader.give();
    Descriptor one = Descriptor::adopt(number);
    Descriptor other = Descriptor::adopt(number);
    auto first = eddy::spawn(wait_readable(one));
    co_await settle();
    CHECK_THROWS_AS(co_await other.readable(), InvalidState);
    CHECK_THROWS_AS(static_cast<void>(Descriptor::adopt(number)), InvalidState);
    CHECK_FALSE(first.done());
    pipe.write("x");
    co_await first;
    CHECK(other.release() == number);  // one of the two owners has to
}

EDDY_NET_TEST("a Descriptor is its loop's") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        std::vector<OffLoopCall> calls{
            off_loop_await("readable", [&] { return watched.readable(); }),
            off_loop_await("writable", [&] { return watched.writable(); }),
            off_loop_await("hang_up", [&] { return watched.hang_up(); }),
        };
        calls.emplace_back("is_open", [&] { return watched.is_open(); });
        calls.emplace_back("statistics", [&] { return watched.statistics(); });
        calls.emplace_back("native_handle", [&] { return watched.native_handle(); });
        calls.emplace_back("release", [&] { return watched.release(); });
        check_refused(calls, [&] { return std::to_string(watched.native_handle()); });
        on_another_thread([&] { CHECK_THROWS_AS(watched.close(), eddy::WrongThread); });
    }
    co_return;
}

#ifndef EDDY_NO_FORK

EDDY_NET_TEST("a forked child closes what it has inherited, and its parent waits on") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        std::optional<Descriptor> watched(watch(pipe.reader, adopts));
        const int number = watched->native_handle();
        auto waiting = eddy::spawn(wait_readable(*watched));
        co_await settle();
        const ChildResult child = run_in_child([&] {
            if (adopts) {
                watched.reset();
            } else {
                watched->close();
            }
            return is_open_descriptor(number) == !adopts ? 0 : 1;
        });
        CHECK(child.exit_code == 0);
        pipe.write("x");
        co_await waiting;
    }
}

EDDY_ABORT_TEST_CASE("an open Descriptor that is destroyed off its loop's thread aborts",
                     "an open Descriptor was destroyed off its loop's thread") {
    RawPipe pipe;
    std::optional<Descriptor> watched(Descriptor::borrow(pipe.reader.get()));
    on_another_thread([&] { watched.reset(); });
    co_return;
}

#endif

TEST_CASE("a Descriptor that outlives its loop is closed, and what it had borrowed is not") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        const int number = pipe.reader.get();
        std::optional<Descriptor> watched;
        bool waited = false;
        const auto main = [&]() -> Task<> {
            watched.emplace(watch(pipe.reader, adopts));
            auto waiting = eddy::spawn(wait_readable(*watched));
            co_await let_run();
            waited = watched->statistics().reading;
            waiting.detach();
        };
        eddy::run(main());
        CHECK(waited);
        CHECK_FALSE(watched->is_open());
        CHECK(is_open_descriptor(number) != adopts);
        CHECK_THROWS_AS(static_cast<void>(watched->native_handle()), ClosedResource);
        CHECK_THROWS_AS(static_cast<void>(watched->readable().try_now()), ClosedResource);
    }
}

TEST_CASE("outside a loop nothing is watched, and the descriptor stays its caller's") {
    const RawPipe pipe;
    CHECK_THROWS_AS(static_cast<void>(Descriptor::adopt(pipe.reader.get())), InvalidState);
    CHECK_THROWS_AS(static_cast<void>(Descriptor::borrow(pipe.reader.get())), InvalidState);
    CHECK(is_open_descriptor(pipe.reader.get()));
}

TEST_CASE("a loop that is ending watches nothing, and the descriptor stays its caller's") {
    const RawPipe pipe;
    int refused = 0;
    struct AtEnd {
        int fd;
        int& refused;
        ~AtEnd() {
            for (auto* const take : {&Descriptor::adopt, &Descriptor::borrow}) {
                try {
                    static_cast<void>(take(fd));
                } catch (const eddy::LoopClosed&) {
                    ++refused;
                }
            }
        }
    };
    const auto job = [&]() -> Task<> {
        const AtEnd end{pipe.reader.get(), refused};
        co_await eddy::shield(eddy::sleep_forever());
    };
    const auto main = [&]() -> Task<> {
        eddy::spawn(job()).detach();
        co_await settle();
    };
    RecordingObserver observer;
    VirtualClock clock;
    eddy::Loop({.clock = &clock, .observer = &observer})
        .run(main(), {.grace = eddy::Duration::zero()});
    CHECK(refused == 2);
    CHECK(is_open_descriptor(pipe.reader.get()));
}

EDDY_NET_TEST("without descriptors nothing is borrowed") {
    const RawPipe pipe;
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    const std::string text = complaint([&] { Descriptor::borrow(pipe.reader.get()).close(); });
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(text == "Descriptor::borrow: Too many open files");
    co_return;
}

#if EDDY_SYSTEM_CALL_FAULTS

/// How many calls of one kind this makes.
Task<std::size_t> calls_of(SystemCall call, Descriptor& of, const RawPipe& pipe) {
    const FailNth plan(call, 0, 1);
    auto waiting = eddy::spawn(wait_readable(of));
    co_await settle();
    pipe.write("x");
    co_await waiting;
    co_return plan.calls();
}

EDDY_NET_TEST("a wait for what was adopted costs one call, for what is borrowed three") {
    for (const bool adopts : both_ways) {
        RawPipe pipe;
        Descriptor watched = watch(pipe.reader, adopts);
        const int fd = watched.native_handle();
        static_cast<void>(co_await calls_of(SystemCall::poll, watched, pipe));  // the first time
        char byte = 0;
        for (const SystemCall call : {SystemCall::poll, SystemCall::watch, SystemCall::poll_set}) {
            CHECK(::read(fd, &byte, 1) == 1);
            const std::size_t calls = co_await calls_of(call, watched, pipe);
            // Into a set with one that libuv would make to ask, out of it with one of the others.
            CHECK(calls == (call == SystemCall::poll || !adopts ? 1 : 0));
        }
    }
}

EDDY_NET_TEST("whichever system call fails, somebody is told and the descriptor stays") {
    std::size_t faults = 0;
    for (const bool adopts : both_ways) {
        for (const SystemCall call :
             {SystemCall::ioctl, SystemCall::watch, SystemCall::epoll_create1, SystemCall::poll}) {
            for (std::size_t nth = 1;; ++nth) {
                INFO(name_of(call) << " no. " << nth << (adopts ? ", adopted" : ", borrowed"));
                RawPipe pipe;
                const int number = pipe.reader.get();
                const FailNth plan(call, ENOSPC, nth);
                bool threw = false;
                try {
                    Descriptor watched =
                        adopts ? Descriptor::adopt(number) : Descriptor::borrow(number);
                    if (adopts) {
                        static_cast<void>(pipe.reader.give());
                    }
                    auto waiting = eddy::spawn(wait_readable(watched));
                    co_await settle();
                    pipe.write("x");
                    co_await waiting;
                } catch (const IoError& error) {
                    threw = true;
                    CHECK(error.code() == std::errc::no_space_on_device);
                }
                if (plan.failed() == 0) {
                    break;
                }
                ++faults;
                CHECK((threw || call == SystemCall::poll));  // the loop finds out
                CHECK((is_open_descriptor(number) || (adopts && !threw)));
            }
        }
    }
    MESSAGE(faults << " faults");
    CHECK(faults >= 8);
}

#endif

#if EDDY_HEAP_HOOKS

TEST_CASE("without memory nothing is watched, and the descriptor stays its caller's") {
    std::size_t closed = 0;
    survives_shortage([&closed](ShortageRun& run) {
        const RawPipe pipe;
        const auto main = [&]() -> Task<> {
            run.begin();
            try {
                Descriptor borrowed = Descriptor::borrow(pipe.reader.get());
                Descriptor adopted = Descriptor::adopt(pipe.reader.get());
                static_cast<void>(adopted.release());
            } catch (const std::bad_alloc&) {
            }
            run.end();
            closed += is_open_descriptor(pipe.reader.get()) ? 0U : 1U;
            co_return;
        };
        VirtualClock clock;
        eddy::Loop({.clock = &clock}).run(main());
    });
    CHECK(closed == 0);
}

#endif

}  // namespace
