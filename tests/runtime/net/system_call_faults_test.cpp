// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/any_listener.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/close_gracefully.hpp>
#include <eddy/net/connector.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"
#include "uv_inventory.hpp"

// Every system call of an exchange fails, once or from then on, with each error it may fail with:
// what comes out is an error that a header names, or the exchange succeeds; nothing hangs, and
// nothing is left.

#if EDDY_SYSTEM_CALL_FAULTS

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::IoError;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::UnixListener;
using eddy::UnixStream;

struct Faults {
    SystemCall call;
    std::vector<int> errors;
};

const std::vector<Faults>& faults() {
    static const std::vector<Faults> all = {
        {SystemCall::socket, {EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES, EAFNOSUPPORT}},
        {SystemCall::bind, {EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM}},
        {SystemCall::listen, {EADDRINUSE, ENOBUFS}},
        {SystemCall::connect,
         {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ETIMEDOUT, EACCES, EAGAIN, EINTR}},
        {SystemCall::accept,
         {EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EPERM, EPROTO, EINTR, EAGAIN}},
        {SystemCall::getsockname, {ENOBUFS, EINVAL}},
        {SystemCall::getsockopt, {ENOBUFS, EINVAL}},
        {SystemCall::setsockopt, {ENOMEM, EINVAL, ENOPROTOOPT}},
        {SystemCall::shutdown, {ENOTCONN, ENOBUFS}},
        {SystemCall::recv, {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM, EINTR, EAGAIN}},
        {SystemCall::send, {ECONNRESET, EPIPE, ENETDOWN, ENOBUFS, EINTR, EAGAIN}},
        {SystemCall::sendmsg, {ECONNRESET, EPIPE, ENOMEM, ENOBUFS, EINTR, EAGAIN}},
        {SystemCall::watch, {ENOMEM, ENOSPC}},
        {SystemCall::ioctl, {ENOMEM, EINVAL}},
        {SystemCall::socketpair, {EMFILE, ENFILE, ENOMEM, EOPNOTSUPP}},
        {SystemCall::timerfd_create, {EMFILE, ENFILE, ENOMEM, ENODEV}},
        {SystemCall::poll, {ENOMEM, EINTR}},
    };
    return all;
}

template <class L>
Task<> serve_one(L& listener) {
    auto stream = co_await listener.accept();
    co_await echo(std::move(stream));
}

template <class S>
Task<> ask_thrice(S& stream) {
    for (int i = 0; i < 3; ++i) {
        const std::array<std::span<const std::byte>, 2> parts{bytes_of("pi"), bytes_of("ng")};
        co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
        std::string answer;
        while (answer.size() < 4) {
            const std::string more = co_await read_text(stream);
            if (more.empty()) {
                throw BrokenResource("the echo ended early");
            }
            answer += more;
        }
        CHECK(answer == "ping");
    }
    co_await stream.shutdown();
    const std::string end = co_await read_text(stream);
    CHECK(end.empty());
}

Task<> tcp_exchange() {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(serve_one(listener));
        TcpStream stream = co_await eddy::connect(listener.local_address());
        stream.set_keepalive({});
        co_await ask_thrice(stream);
    });
}

/// Its first bytes go with the handshake, if the kernel does that.
Task<> fast_open_exchange() {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 8});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(serve_one(listener));
        TcpStream stream =
            co_await eddy::connect_fast_open(listener.local_address(), bytes_of("first"));
        const std::string answer = co_await read_all(stream, 5);
        if (answer.size() != 5) {
            throw BrokenResource("the echo ended early");
        }
        CHECK(answer == "first");
        co_await ask_thrice(stream);
    });
}

Task<> unix_exchange() {
    const std::string name("\0eddy system call faults", 24);
    UnixListener listener = UnixListener::listen(name);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(serve_one(listener));
        UnixStream stream = co_await eddy::connect_unix(name);
        co_await ask_thrice(stream);
    });
}

Task<> pair_exchange() {
    auto [one, other] = UnixStream::pair();
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(echo(std::move(other)));
        UnixStream mine = std::move(one);  // closed with the body: the echo ends with it
        co_await ask_thrice(mine);
    });
}

/// Says something that nobody has asked for, and ends so that it can be read.
Task<> say_goodbye(TcpListener& listener) {
    TcpStream stream = co_await listener.accept();
    co_await stream.write_all("goodbye");
    static_cast<void>(co_await eddy::close_gracefully(std::move(stream)));
}

Task<> goodbye_exchange() {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(say_goodbye(listener));
        TcpStream stream = co_await eddy::connect(listener.local_address());
        co_await stream.write_all("not read");
        co_await stream.wait_hang_up();
        const std::string text = co_await read_all(stream);
        CHECK(text == "goodbye");
        stream.close();
    });
}

/// The same through readers and a writer of frames, in selects.
Task<> reader_exchange() {
    auto [one, other] = UnixStream::pair();
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(echo(std::move(other)));
        UnixStream mine = std::move(one);
        eddy::BufferedReader reader(mine);
        std::array<std::byte, 6> six{};
        co_await mine.write_all("a line\nfilledpeek");
        const auto line = co_await eddy::select(reader.read_line(), eddy::sleep_forever());
        CHECK(*std::get<0>(line) == "a line");
        const auto filled =
            co_await eddy::select(reader.read_exactly(std::span(six)), eddy::sleep_forever());
        CHECK(filled.index() == 0);
        CHECK(text_of(six) == "filled");
        const auto peeked = co_await eddy::select(reader.peek(4), eddy::sleep_forever());
        CHECK(text_of(std::get<0>(peeked)) == "peek");
        reader.consume(4);
        eddy::Framed frames(mine);
        co_await frames.send("a frame");
        co_await frames.wait_readable();
        const auto frame = co_await eddy::select(eddy::sleep_forever(), frames.next());
        CHECK(text_of(*std::get<1>(frame)) == "a frame");
        co_await mine.shutdown();
        const auto end = co_await reader.peek();
        CHECK(end.empty());
    });
}

/// Through all the layers.
Task<> any_exchange() {
    const std::string name("\0eddy system call faults", 24);
    eddy::AnyListener listener = UnixListener::listen(name);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(serve_one(listener));
        const eddy::Connector connector = eddy::unix_connector(name);
        eddy::AnyStream inner = co_await connector();
        // Without limits: virtual time jumps while a socket waits.
        eddy::AnyStream stream(eddy::TimedStream(std::move(inner), eddy::StreamTimeouts()));
        co_await ask_thrice(stream);
    });
}

/// All of it, or what it consists of.
bool is_documented(const std::exception_ptr& error) {
    if (holds<eddy::ExceptionGroup>(error)) {
        const auto group = as<eddy::ExceptionGroup>(error);
        const auto parts = group.exceptions();
        return !parts.empty() && std::all_of(parts.begin(), parts.end(), is_documented);
    }
    return holds<IoError>(error) || holds<BrokenResource>(error);
}

/// Leaves the handles as they were, whatever happened.
Task<> watched(Task<> (*exchange)(), std::exception_ptr& error) {
    const std::size_t handles = open_handles();
    error = co_await error_of(exchange());
    co_await settle();
    co_await settle();
    CHECK(open_handles() == handles);
}

/// What the kernel does now and then, and a library passes over.
bool is_transient(SystemCall call, int error) {
    return error == EINTR || (error == EAGAIN && call != SystemCall::connect) ||
           error == ECONNABORTED || error == EPROTO;
}

/// Returns false once the exchange makes fewer calls than that.
bool run_with(
    Task<> (*exchange)(), SystemCall call, int error, std::size_t nth, std::size_t how_many) {
    const std::string what = std::string(name_of(call)) + " no. " + std::to_string(nth) +
                             " fails with " + std::generic_category().message(error) +
                             (how_many == 1 ? "" : ", and all after it");
    INFO(what);
    const std::size_t fds = open_fds();
    VirtualClock clock;
    RecordingObserver observer;
    std::exception_ptr outcome;
    bool failed = false;
    {
        eddy::Loop loop({.clock = &clock, .observer = &observer});
        FailNth plan(call, error, nth, how_many);
        loop.run(watched(exchange, outcome));
        failed = plan.failed() != 0;
    }
    CHECK(open_fds() == fds);
    CHECK(observer.failures.empty());
    CHECK(observer.abandoned.empty());
    CHECK((!outcome || (failed && is_documented(outcome))));
    CHECK((!is_transient(call, error) || !outcome));
    return failed;
}

std::size_t fail_each_call(Task<> (*exchange)()) {
    std::size_t runs = 0;
    for (const Faults& fault : faults()) {
        for (const int error : fault.errors) {
            for (const std::size_t how_many : {std::size_t{1}, FailNth::always}) {
                if (how_many != 1 && is_transient(fault.call, error)) {
                    continue;  // no kernel interrupts for ever
                }
                for (std::size_t nth = 1; run_with(exchange, fault.call, error, nth, how_many);
                     ++nth) {
                    ++runs;
                }
            }
        }
    }
    return runs;
}

TEST_CASE("whichever system call of a TCP exchange fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&tcp_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 150);
}

TEST_CASE("whichever system call of a fast open fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&fast_open_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 150);
}

TEST_CASE("whichever system call of a Unix exchange fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&unix_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 100);
}

TEST_CASE("whichever system call of a connection that closes gracefully fails, it ends as named") {
    const std::size_t runs = fail_each_call(&goodbye_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 100);
}

TEST_CASE("whichever system call of a Unix pair fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&pair_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 100);
}

TEST_CASE("whichever system call under a reader fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&reader_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 60);
}

TEST_CASE("whichever system call under any_stream fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&any_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 100);
}

/// Sleeps, and deadlines that do not come.
Task<> sleeps() {
    using namespace std::chrono_literals;
    for (int i = 0; i < 3; ++i) {
        const eddy::TimePoint begun = eddy::now();
        co_await eddy::fail_after(1h, eddy::sleep_for(200us));
        CHECK(eddy::now() - begun >= 200us);
    }
}

TEST_CASE("a loop that gets no timerfd sleeps all the same, and never too short") {
    for (const int error : {EMFILE, ENFILE, ENOMEM, ENODEV}) {
        for (const std::size_t how_many : {std::size_t{1}, FailNth::always}) {
            const std::size_t fds = open_fds();
            FailNth plan(SystemCall::timerfd_create, error, 1, how_many);
            eddy::run(sleeps());
            CHECK(plan.failed() == 1);  // it does not ask again and again
            CHECK(open_fds() == fds);
        }
    }
}

EDDY_NET_TEST("a peer that vanished without a word is broken when the kernel gives it up") {
    TcpPair pair = co_await tcp_pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(pair.client, buffer));
    co_await settle();
    FailNth keepalive_expired(SystemCall::recv, ETIMEDOUT, 1);
    co_await pair.server.write_all("x");  // any event: the error is what recv says
    const auto error = co_await failure_of(reader);
    CHECK(holds<BrokenResource>(error));
    const auto later = co_await error_of(read_text(pair.client));
    CHECK(holds<BrokenResource>(later));
}

EDDY_NET_TEST("a socket that meets itself has been refused") {
    const Address nobody = [] {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        return listener.local_address();
    }();
    const FailNth itself(SystemCall::connect, FaultPlan::meets_itself, 1);
    const auto error = co_await error_of(eddy::connect(nobody));
    CHECK(itself.failed() == 1);
    CHECK(as<IoError>(error).code() == std::errc::connection_refused);
}

EDDY_NET_TEST("a connection that is there at once need not be waited for") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await [](Address to) -> Task<TcpStream> {
        FailNth at_once(SystemCall::connect, FaultPlan::connects_at_once, 1);
        TcpStream stream = co_await eddy::connect(to);
        CHECK(at_once.failed() == 1);
        co_return stream;
    }(listener.local_address());
    TcpStream server = co_await listener.accept();
    co_await client.write_all("x");
    const std::string text = co_await read_text(server);
    CHECK(text == "x");
}

TEST_CASE(
    "a loop that cannot watch a timer of its own sleeps by libuv's, and asks no second time") {
    eddy::Loop loop;
    const FailNth plan(SystemCall::watch, ENOSPC, 1, FailNth::always);
    const auto main = []() -> Task<> {
        for (int i = 0; i < 2; ++i) {
            const eddy::TimePoint begun = eddy::now();
            co_await eddy::sleep_for(std::chrono::milliseconds(2));
            CHECK(eddy::now() - begun >= std::chrono::milliseconds(2));
        }
    };
    loop.run(main());
    CHECK(plan.failed() == 1);
}

TEST_CASE("a loop that cannot handle signals as it is asked to does not run, and leaves nothing") {
    const std::size_t fds = open_fds();
    for (const std::size_t nth : {1U, 2U}) {
        bool ran = false;
        const auto main = [&ran]() -> Task<> {
            ran = true;
            co_return;
        };
        {
            eddy::Loop loop;
            const FailNth plan(SystemCall::sigaction, EINVAL, nth);
            CHECK_THROWS_AS(loop.run(main(), {.handle_signals = true}), IoError);
            CHECK(plan.failed() == 1);
        }
        CHECK_FALSE(ran);
        eddy::Loop().run(main(), {.handle_signals = true});
        CHECK(ran);
    }
    CHECK(open_fds() == fds);
}

}  // namespace

#endif
