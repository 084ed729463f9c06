// SPDX-License-Identifier: MIT
#include <filesystem>
#include <functional>
#include <new>
#include <string>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>

#include "heap_hooks.hpp"
#include "net_kit.hpp"

#if EDDY_HEAP_HOOKS

// Sockets when the heap says no: no descriptor stays open, no file stays behind.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::UnixListener;
using eddy::UnixStream;

/// Runs `make` with the first, then the second, ... allocation failing, until none does; returns
/// how many there were. Nothing may be open after any of them.
Task<std::size_t> fail_each(std::function<Task<>()> make) {
    co_await make();  // warm
    co_await settle();
    for (std::size_t n = 0; n < 100; ++n) {
        const std::size_t before = open_fds();
        bool failed = false;
        try {
            const FailAllocation failure(n);
            co_await make();
        } catch (const std::bad_alloc&) {
            failed = true;
        } catch (const eddy::IoError& error) {  // of accept, for which it is one shortage of many
            CHECK(error.code() == std::errc::not_enough_memory);
            failed = true;
        }
        co_await settle();
        CHECK_MESSAGE(open_fds() == before, "allocation " << n);
        if (!failed) {
            co_return n;
        }
    }
    co_return 100;
}

EDDY_NET_TEST_FIFO("without memory, no socket that was to be made stays open") {
    const std::size_t pair = co_await fail_each([]() -> Task<> {
        const auto both = UnixStream::pair();
        co_return;
    });
    CHECK(pair >= 2);
    const std::size_t listen = co_await fail_each([]() -> Task<> {
        const TcpListener listener = TcpListener::listen(Address::loopback(0));
        co_return;
    });
    CHECK(listen >= 1);
    const std::size_t exchange = co_await fail_each([]() -> Task<> {
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        const eddy::TcpStream client = co_await eddy::connect(listener.local_address());
        const eddy::TcpStream server = co_await listener.accept();
    });
    CHECK(exchange >= 3);
    const std::size_t fast = co_await fail_each([]() -> Task<> {
        TcpListener listener = TcpListener::listen(Address::loopback(0), {.fast_open = 4});
        const eddy::TcpStream client =
            co_await eddy::connect_fast_open(listener.local_address(), bytes_of("first"));
        const eddy::TcpStream server = co_await listener.accept();
    });
    CHECK(fast >= 3);
}

EDDY_NET_TEST_FIFO("without memory, no socket file that was to be made stays behind") {
    static const std::string path =
        (std::filesystem::temp_directory_path() / ("eddy-memory-" + std::to_string(getpid())))
            .string();
    const std::size_t count = co_await fail_each([]() -> Task<> {
        std::filesystem::remove(path);
        UnixListener listener = UnixListener::listen(path);
        const UnixStream client = co_await eddy::connect_unix(path);
        const UnixStream server = co_await listener.accept();
    });
    CHECK(count >= 4);
    CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace

#endif
