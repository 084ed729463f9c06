// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

#include "descriptor_count.hpp"

/// What the tests of sockets need: connected pairs, raw descriptors, and a count of what is open.

namespace eddy::testing {

/// A test body, wrapped so that the loop it leaves behind has the descriptors it began with.
/// (Handles are counted around every coroutine test: uv_inventory.cpp.)
inline void run_net_test(Task<> (*body)(), Order order = Order::any) {
    const std::size_t before = open_fds();
    run_test(body, order);
    CHECK_MESSAGE(open_fds_after_lookups(before) == before, "descriptors were leaked");
}

/// A name with an empty label: the resolver knows nobody has it, and asks nobody.
inline constexpr const char* unknown_name = "no..where";

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}
inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Both ends of one connection over loopback.
struct TcpPair {
    TcpStream client;
    TcpStream server;
    TcpPair(TcpStream one, TcpStream other) : client(std::move(one)), server(std::move(other)) {}
};

inline Task<TcpPair> tcp_pair(Address at = Address::loopback(0)) {
    TcpListener listener = TcpListener::listen(at);
    TcpStream client = co_await connect(listener.local_address());
    TcpStream server = co_await listener.accept();
    co_return TcpPair(std::move(client), std::move(server));
}

/// A `Task` of one operation, for what takes tasks.
template <class S>
Task<std::size_t> read_task(S& stream, std::span<std::byte> into) {
    co_return co_await stream.read_some(into);
}
template <class S>
Task<> write_task(S& stream, std::span<const std::byte> bytes) {
    co_await stream.write_all(bytes);
}
template <class S>
Task<> shutdown_task(S& stream) {
    co_await stream.shutdown();
}
template <class L>
Task<> accept_task(L& listener) {
    static_cast<void>(co_await listener.accept());
}

/// How a job ended: null for normally.
template <class T>
Task<std::exception_ptr> failure_of(JoinHandle<T>& job) {
    std::exception_ptr error;
    try {
        static_cast<void>(co_await job);
    } catch (...) {
        error = std::current_exception();
    }
    co_return error;
}
inline Task<std::exception_ptr> failure_of(JoinHandle<void>& job) {
    std::exception_ptr error;
    try {
        co_await job;
    } catch (...) {
        error = std::current_exception();
    }
    co_return error;
}

/// One read, as text; "" is the end.
template <class S>
Task<std::string> read_text(S& stream, std::size_t limit = 4096) {
    std::vector<std::byte> buffer(limit);
    const std::size_t count = co_await stream.read_some(buffer);
    co_return text_of(std::span(buffer).first(count));
}

/// Reads until the end, or so many bytes.
template <class S>
Task<std::string> read_all(S& stream, std::size_t limit = static_cast<std::size_t>(-1)) {
    std::string all;
    std::vector<std::byte> buffer(65536);
    while (all.size() < limit) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            break;
        }
        all += text_of(std::span(buffer).first(count));
    }
    co_return all;
}

/// Writes until nothing fits and everybody waits: the next write must wait. Returns how much.
template <class S>
Task<std::size_t> fill(S& stream) {
    const std::vector<std::byte> chunk(65536);
    std::size_t total = 0;
    while (true) {
        auto first = co_await eddy::select(stream.write_some(chunk), settle());
        if (first.index() != 0) {
            break;
        }
        total += std::get<0>(first);
    }
    co_return total;
}

/// Reads so many bytes and forgets them.
template <class S>
Task<std::size_t> drain(S& stream, std::size_t count) {
    std::vector<std::byte> buffer(65536);
    std::size_t total = 0;
    while (total < count) {
        const std::size_t wanted = std::min(buffer.size(), count - total);
        const std::size_t got = co_await stream.read_some(std::span(buffer).first(wanted));
        if (got == 0) {
            break;
        }
        total += got;
    }
    co_return total;
}

/// Echoes until the end of the stream.
template <class S>
Task<> echo(S stream) {
    std::vector<std::byte> buffer(65536);
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            break;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
    }
    co_await stream.shutdown();
}

}  // namespace eddy::testing

#define EDDY_NET_TEST_IMPL(function, name, order)                        \
    static ::eddy::Task<> function();                                    \
    TEST_CASE(name) { ::eddy::testing::run_net_test(&function, order); } \
    static ::eddy::Task<> function()

/// A coroutine test that leaves no descriptor and no handle open.
#define EDDY_NET_TEST(name) \
    EDDY_NET_TEST_IMPL(DOCTEST_ANONYMOUS(eddy_net_test_), name, ::eddy::testing::Order::any)

/// The same in first-in first-out order alone: random order costs allocations.
#define EDDY_NET_TEST_FIFO(name) \
    EDDY_NET_TEST_IMPL(DOCTEST_ANONYMOUS(eddy_net_test_), name, ::eddy::testing::Order::fifo)
