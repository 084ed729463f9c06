// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <sched.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo_servers.hpp"

/// Connections that come with one request and go with its answer: to Eddy's echo server, and to
/// libuv's.
namespace bench::scale {

inline int port_pipe = STDOUT_FILENO;

inline void announce(std::uint16_t port) {
    if (port_pipe == STDOUT_FILENO) {
        std::printf("%u\n", static_cast<unsigned>(port));
        std::fflush(stdout);
    } else if (write(port_pipe, &port, sizeof port) != sizeof port) {
        std::abort();
    }
}

/// Answers one request and closes.
inline eddy::Task<> eddy_once(eddy::TcpStream stream) {
    std::array<std::byte, echo::buffer_size> buffer;
    const std::size_t count = co_await stream.read_some(buffer);
    co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
}

inline void uv_read_once(uv_stream_t* stream, ssize_t count, const uv_buf_t* data) {
    if (count > 0) {
        const uv_buf_t answer = uv_buf_init(data->base, static_cast<unsigned>(count));
        uv_try_write(stream, &answer, 1);
    }
    echo::uv_gone(stream);
}

inline void serve(std::string_view name) {
    if (name == "eddy") {
        echo::serve_eddy<echo::eddy_connection>(announce);
    } else if (name == "eddy-once") {
        echo::serve_eddy<eddy_once>(announce);
    } else {
        echo::uv_read_with = name == "uv-once" ? uv_read_once : echo::uv_read;
        echo::serve_uv(announce);
    }
}

/// `together` connections at a time: all connect and send, then all read and close.
inline void load(std::uint16_t port, int connections, int together) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char message[64];
    std::memset(message, 'x', sizeof message);
    int sockets[256];
    for (int done = 0; done < connections; done += together) {
        for (int i = 0; i < together; ++i) {
            sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const linger reset{.l_onoff = 1, .l_linger = 0};  // or ports run out
            setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            if (connect(sockets[i], reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
                send(sockets[i], message, sizeof message, MSG_NOSIGNAL) != sizeof message) {
                std::perror("connect");
                std::exit(1);
            }
        }
        for (int i = 0; i < together; ++i) {
            if (recv(sockets[i], message, sizeof message, MSG_WAITALL) != sizeof message) {
                std::perror("recv");
                std::exit(1);
            }
            shutdown(sockets[i], SHUT_WR);
            static_cast<void>(recv(sockets[i], message, 1, 0));  // until the server has closed, too
            close(sockets[i]);
        }
    }
}

/// Microseconds of the server's CPU time for a connection.
inline double accept_cpu(std::string_view server, int connections, int together) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) {
        std::abort();
    }
    const pid_t child = fork();
    if (child == 0) {
        port_pipe = pipe_ends[1];
        serve(server);
        _exit(0);
    }
    std::uint16_t port = 0;
    if (read(pipe_ends[0], &port, sizeof port) != sizeof port) {
        std::abort();
    }
    clockid_t clock{};
    clock_getcpuclockid(child, &clock);
    load(port, together, together);
    const double start = nanoseconds(clock);
    load(port, connections, together);
    const double spent = nanoseconds(clock) - start;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return spent / 1000 / connections;
}

}  // namespace bench::scale
