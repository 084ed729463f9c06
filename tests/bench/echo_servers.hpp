// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include <uv.h>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "asio_kit.hpp"

#ifdef EDDY_HAVE_ASIO
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#endif

/// The same echo server three times. Each says its port through `announce`, and runs until the
/// process is killed.
namespace bench::echo {

using Announce = void (*)(std::uint16_t port);

constexpr std::size_t buffer_size = 4096;

// --- Eddy --------------------------------------------------------------------------------------

/// Reads a message and writes it back. False: the client has ended.
inline eddy::Task<bool> eddy_exchange(eddy::TcpStream& stream, std::span<std::byte> buffer) {
    const std::size_t count = co_await stream.read_some(buffer);
    if (count != 0) {
        co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
    }
    co_return count != 0;
}

inline eddy::Task<> eddy_connection(eddy::TcpStream stream) {
    std::array<std::byte, buffer_size> buffer;
    try {
        while (true) {
            const std::size_t count = co_await stream.read_some(buffer);
            if (count == 0) {
                break;
            }
            co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
        }
    } catch (const eddy::BrokenResource&) {  // the client went away
    }
}

/// The same with a time limit around each exchange.
template <int milliseconds>
eddy::Task<> eddy_limited(eddy::TcpStream stream) {
    std::array<std::byte, buffer_size> buffer;
    bool more = true;
    try {
        while (more) {
            more = co_await eddy::fail_after(std::chrono::milliseconds(milliseconds),
                                             eddy_exchange(stream, buffer));
        }
    } catch (const std::exception&) {  // the client went away, or was too slow
    }
}

template <eddy::Task<> (*connection)(eddy::TcpStream)>
eddy::Task<> eddy_accept(eddy::TaskGroup& group, Announce announce) {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    announce(listener.local_address().port());
    while (true) {
        eddy::TcpStream stream = co_await listener.accept();
        group.spawn(connection(std::move(stream)));
    }
}

template <eddy::Task<> (*connection)(eddy::TcpStream)>
eddy::Task<> eddy_main(Announce announce) {
    co_await eddy::with_task_group(&eddy_accept<connection>, announce);
}

template <eddy::Task<> (*connection)(eddy::TcpStream)>
void serve_eddy(Announce announce) {
    eddy::run(eddy_main<connection>(announce));
}

// --- libuv, callbacks --------------------------------------------------------------------------

struct UvConnection {
    uv_tcp_t handle;
    char buffer[buffer_size];
};

inline void uv_require(int result) {
    if (result < 0) {
        std::fprintf(stderr, "libuv: %s\n", uv_strerror(result));
        std::abort();
    }
}

inline void uv_gone(uv_stream_t* stream) {
    uv_close(reinterpret_cast<uv_handle_t*>(stream),
             [](uv_handle_t* handle) { delete static_cast<UvConnection*>(handle->data); });
}

inline void uv_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* data) {
    if (count <= 0) {
        if (count < 0) {
            uv_gone(stream);
        }
        return;
    }
    const uv_buf_t answer = uv_buf_init(data->base, static_cast<unsigned>(count));
    // A whole server queues the rest; the clients of this program read all before they write.
    if (uv_try_write(stream, &answer, 1) != count) {
        uv_gone(stream);
    }
}

inline uv_read_cb uv_read_with = uv_read;

inline void uv_accept_one(uv_stream_t* listener, int status) {
    uv_require(status);
    auto* const connection = new UvConnection;
    uv_require(uv_tcp_init(listener->loop, &connection->handle));
    connection->handle.data = connection;
    auto* const stream = reinterpret_cast<uv_stream_t*>(&connection->handle);
    uv_require(uv_accept(listener, stream));
    uv_tcp_nodelay(&connection->handle, 1);
    uv_require(uv_read_start(
        stream,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
            *into = uv_buf_init(static_cast<UvConnection*>(handle->data)->buffer, buffer_size);
        },
        uv_read_with));
}

inline void serve_uv(Announce announce) {
    uv_loop_t loop;
    uv_require(uv_loop_init(&loop));
    uv_tcp_t listener;
    uv_require(uv_tcp_init(&loop, &listener));
    sockaddr_in address{};
    uv_require(uv_ip4_addr("127.0.0.1", 0, &address));
    uv_require(uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0));
    uv_require(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 1024, uv_accept_one));
    int length = sizeof address;
    uv_require(uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &length));
    announce(ntohs(address.sin_port));
    uv_run(&loop, UV_RUN_DEFAULT);
}

// --- Boost.Asio, awaitables --------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO

namespace asio = boost::asio;
using asio::ip::tcp;

inline asio::awaitable<void> asio_connection(tcp::socket socket) {
    std::array<char, buffer_size> buffer;
    while (true) {
        const auto [error, count] =
            co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::deferred));
        if (error) {
            break;
        }
        const auto [failed, sent] = co_await asio::async_write(
            socket, asio::buffer(buffer.data(), count), asio::as_tuple(asio::deferred));
        if (failed) {
            break;
        }
    }
}

inline asio::awaitable<void> asio_accept(tcp::acceptor acceptor) {
    while (true) {
        tcp::socket socket = co_await acceptor.async_accept(asio::deferred);
        socket.set_option(tcp::no_delay(true));
        asio::co_spawn(acceptor.get_executor(), asio_connection(std::move(socket)), asio::detached);
    }
}

inline void serve_asio(Announce announce) {
    asio::io_context context(1);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    announce(acceptor.local_endpoint().port());
    asio::co_spawn(context, asio_accept(std::move(acceptor)), asio::detached);
    context.run();
}

#endif

struct Server {
    std::string_view name;
    void (*serve)(Announce);
};

inline constexpr Server servers[] = {
    {"eddy", serve_eddy<eddy_connection>},
    {"uv", serve_uv},
#ifdef EDDY_HAVE_ASIO
    {"asio", serve_asio},
#endif
};

/// For counts of system calls: a deadline around each exchange, far away and near.
inline constexpr Server limited_servers[] = {
    {"eddy-30s", serve_eddy<eddy_limited<30'000>>},
    {"eddy-500ms", serve_eddy<eddy_limited<500>>},
};

}  // namespace bench::echo
