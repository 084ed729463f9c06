// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"
#include "uv_inventory.hpp"

// Every system call of an exchange fails once, with each error it may fail with: what comes out is
// an error that a header names, or the exchange succeeds; nothing hangs, and nothing is left.

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

Task<> unix_exchange() {
    const std::string name("\0eddy system call faults", 24);
    UnixListener listener = UnixListener::listen(name);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(serve_one(listener));
        UnixStream stream = co_await eddy::connect_unix(name);
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

/// Returns false once the exchange makes fewer calls than that.
bool run_with(Task<> (*exchange)(), SystemCall call, int error, std::size_t nth) {
    const std::string what = std::string(name_of(call)) + " no. " + std::to_string(nth) +
                             " fails with " + std::generic_category().message(error);
    INFO(what);
    const std::size_t fds = open_fds();
    VirtualClock clock;
    RecordingObserver observer;
    std::exception_ptr outcome;
    bool failed = false;
    {
        eddy::Loop loop({.clock = &clock, .observer = &observer});
        FailNth plan(call, error, nth);
        loop.run(watched(exchange, outcome));
        failed = plan.failed() != 0;
    }
    CHECK(open_fds() == fds);
    CHECK(observer.failures.empty());
    CHECK(observer.abandoned.empty());
    CHECK((!outcome || (failed && is_documented(outcome))));
    const bool transient = error == EINTR || (error == EAGAIN && call != SystemCall::connect) ||
                           error == ECONNABORTED || error == EPROTO;
    CHECK((!transient || !outcome));
    return failed;
}

std::size_t fail_each_call(Task<> (*exchange)()) {
    std::size_t runs = 0;
    for (const Faults& fault : faults()) {
        for (const int error : fault.errors) {
            for (std::size_t nth = 1; run_with(exchange, fault.call, error, nth); ++nth) {
                ++runs;
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

TEST_CASE("whichever system call of a Unix exchange fails, it ends with an error that is named") {
    const std::size_t runs = fail_each_call(&unix_exchange);
    MESSAGE(runs << " faults");
    CHECK(runs > 100);
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

}  // namespace

#endif
