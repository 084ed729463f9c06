// SPDX-License-Identifier: MIT
#include <eddy/net/tcp.hpp>

#include <array>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/settle.hpp>

#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

EDDY_NET_TEST("what is written at one end is read at the other, and echoed") {
    TcpPair pair = co_await tcp_pair();
    auto server = eddy::spawn(echo<TcpStream>, std::move(pair.server));
    co_await pair.client.write_all("hello");
    const std::string answer = co_await read_text(pair.client);
    CHECK(answer == "hello");
    co_await pair.client.shutdown();
    const std::string rest = co_await read_text(pair.client);
    CHECK(rest.empty());
    co_await server;
}

}  // namespace
