// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/testing/cancel_at.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "raw_socket.hpp"
#include "system_calls.hpp"

// Whether the first bytes go with the handshake depends on the machine's kernel: everything else
// must not.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::connect_fast_open;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

/// Client and server may (sysctl).
bool kernel_does_both() {
    int flags = 0;
    std::ifstream("/proc/sys/net/ipv4/tcp_fastopen") >> flags;
    return (flags & 3) == 3;
}

/// One exchange; returns whether it was as fast as it can be.
Task<bool> exchange(TcpListener& listener, const std::string& first) {
    TcpStream client = co_await connect_fast_open(listener.local_address(), bytes_of(first));
    TcpStream server = co_await listener.accept();
    const std::string got = co_await read_all(server, first.size());
    CHECK(got == first);
    CHECK(client.statistics().bytes_written == first.size());
    CHECK(client.peer_address() == listener.local_address());
    co_await server.write_all("answer");
    const std::string answer = co_await read_text(client);
    CHECK(answer == "answer");
    CHECK(client.used_fast_open() == server.used_fast_open());
    co_return client.used_fast_open();
}

EDDY_NET_TEST("connect_fast_open connects and writes, with the handshake if the kernel does that") {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
    const bool cold = co_await exchange(listener, "hello");  // may get a cookie
    const bool warm = co_await exchange(listener, "hello again");
    CHECK(warm == kernel_does_both());
    CHECK((!cold || warm));
}

EDDY_NET_TEST("a listener without fast open serves connect_fast_open all the same") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const bool first = co_await exchange(listener, "hello");
    CHECK_FALSE(first);
    CHECK(int_option(listener.native_handle(), IPPROTO_TCP, TCP_FASTOPEN) == 0);
}

EDDY_NET_TEST("more than one segment, and more than all buffers hold, is written to its end") {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
    const std::string large(std::size_t{8} << 20U, 'x');
    for (int i = 0; i < 2; ++i) {
        const auto connects = [](Address to, const std::string& text) -> Task<std::size_t> {
            TcpStream client = co_await connect_fast_open(to, bytes_of(text));
            co_return client.statistics().bytes_written;
        };
        const auto serves = [](TcpListener& from) -> Task<std::string> {
            TcpStream server = co_await from.accept();
            co_return co_await read_all(server);
        };
        const auto [written, got] =
            co_await eddy::gather(connects(listener.local_address(), large), serves(listener));
        CHECK(written == large.size());
        CHECK(got == large);
    }
}

EDDY_NET_TEST("connect_fast_open without bytes is a connect") {
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
    TcpStream client = co_await connect_fast_open(listener.local_address(), {});
    TcpStream server = co_await listener.accept();
    CHECK_FALSE(client.used_fast_open());
    co_await client.write_all("x");
    const std::string text = co_await read_text(server);
    CHECK(text == "x");
}

EDDY_NET_TEST("connect_fast_open to where nobody listens is refused as connect is") {
    const Address nobody = [] {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        return listener.local_address();
    }();
    for (int i = 0; i < 2; ++i) {
        const auto error = co_await error_of(connect_fast_open(nobody, bytes_of("hello")));
        CHECK(as<eddy::IoError>(error).code() == std::errc::connection_refused);
        CHECK(std::string(as<eddy::IoError>(error).what())
                  .starts_with("connect " + nobody.to_string()));
    }
}

EDDY_NET_TEST("a fast open below 0 is refused, and a closed stream says so") {
    CHECK_THROWS_AS(static_cast<void>(TcpListener::listen(Address::loopback(0), {.fast_open = -1})),
                    std::invalid_argument);
    TcpPair pair = co_await tcp_pair();
    CHECK_FALSE(pair.client.used_fast_open());
#if EDDY_SYSTEM_CALL_FAULTS
    {
        const FailNth plan(SystemCall::getsockopt, ENOBUFS, 1);
        CHECK_THROWS_AS(static_cast<void>(pair.client.used_fast_open()), eddy::IoError);
    }
#endif
    pair.client.close();
    CHECK_THROWS_AS(static_cast<void>(pair.client.used_fast_open()), eddy::ClosedResource);
}

TEST_CASE("connect_fast_open can be cancelled at each of its checkpoints") {
    const std::size_t before = open_fds();
    const auto checkpoints = cancel_at_each_checkpoint([]() -> Task<> {
        TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
        TcpStream client = co_await connect_fast_open(listener.local_address(), bytes_of("hello"));
        TcpStream server = co_await listener.accept();
        const std::string text = co_await read_text(server);
        CHECK(text == "hello");
    });
    CHECK(checkpoints >= 4);
    CHECK(open_fds() == before);
}

#if EDDY_SYSTEM_CALL_FAULTS

EDDY_NET_TEST("a kernel that refuses the fast open, at either end, is gone on without") {
    for (const int error : {EOPNOTSUPP, EINVAL, ENOPROTOOPT, ENOMEM, EINTR}) {
        const FailNth no_option(SystemCall::setsockopt, error, 3);
        TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
        CHECK(no_option.failed() == 1);
        const bool fast = co_await exchange(listener, "hello");
        CHECK_FALSE(fast);
    }
    TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 16});
    static_cast<void>(co_await exchange(listener, "a cookie, perhaps"));
    for (const int error : {EOPNOTSUPP, EINVAL, ENOPROTOOPT, ENOMEM, EINTR, EAGAIN}) {
        const FailNth no_flag(SystemCall::sendmsg, error, 1);
        const bool fast = co_await exchange(listener, "hello");
        CHECK(no_flag.failed() == 1);
        CHECK_FALSE(fast);
    }
}

#endif

}  // namespace
