// SPDX-License-Identifier: MIT
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/spawn.hpp>

#include "net_kit.hpp"

// The example of runtime/NETWORK.md, "Writing", word by word.

namespace {

using namespace eddy;
using namespace eddy::testing;

Task<> answer(TcpStream stream) {
    BufferedReader reader(stream);
    BufferedWriter writer(stream);
    while (true) {
        const auto request = co_await reader.read_line();
        if (!request) {
            break;
        }
        co_await writer.write("you said " + std::string(*request) + "\n");
    }
    co_await writer.shutdown();
}

}  // namespace

EDDY_NET_TEST("the page's service answers through its writer, and ends well") {
    TcpPair pair = co_await tcp_pair();
    auto serving = spawn(answer(std::move(pair.server)));
    co_await pair.client.write_all("one\ntwo\n");
    co_await pair.client.shutdown();
    const std::string text = co_await read_all(pair.client);
    CHECK(text == "you said one\nyou said two\n");
    co_await serving;
}
