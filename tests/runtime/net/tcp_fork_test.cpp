// SPDX-License-Identifier: MIT
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/tcp.hpp>

#include "net_kit.hpp"

// What a child does to the sockets of its parent: nothing.

namespace {

using namespace eddy::testing;
using eddy::Task;
using eddy::TcpStream;

/// The exit code of a child that runs `body`.
template <class Body>
int in_child(Body&& body) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

EDDY_NET_TEST("a half that a forked child drops goes on writing in its parent") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, writer] = std::move(pair.client).split();
    const int code = in_child([&] { writer.close(); });
    CHECK(code == 0);
    co_await writer.write_all("alive");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "alive");
}

EDDY_NET_TEST("a reset in a forked child leaves its parent an orderly end") {
    TcpPair pair = co_await tcp_pair();
    const int code = in_child([&] { pair.client.close_reset(); });
    CHECK(code == 0);
    co_await pair.client.write_all("last words");
    pair.client.close();
    const std::string text = co_await read_all(pair.server);
    CHECK(text == "last words");
}

}  // namespace
