// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdint>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>

#include "net_kit.hpp"
#include "raw_socket.hpp"

// What a stream asks of the kernel's TCP.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;

int user_timeout(const eddy::TcpStream& stream) {
    return int_option(stream.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT);
}

EDDY_NET_TEST("the user timeout is set in milliseconds, rounded up, and cleared") {
    TcpPair pair = co_await tcp_pair();
    CHECK(user_timeout(pair.client) == 0);
    pair.client.set_user_timeout(30s);
    CHECK(user_timeout(pair.client) == 30'000);
    pair.client.set_user_timeout(1ns);
    CHECK(user_timeout(pair.client) == 1);
    pair.client.set_user_timeout(1500us);
    CHECK(user_timeout(pair.client) == 2);
    pair.client.set_user_timeout(2ms);
    CHECK(user_timeout(pair.client) == 2);
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    pair.client.set_user_timeout(std::chrono::milliseconds(most));
    CHECK(user_timeout(pair.client) == most);
    CHECK(user_timeout(pair.server) == 0);
    pair.client.clear_user_timeout();
    CHECK(user_timeout(pair.client) == 0);
}

EDDY_NET_TEST("a user timeout out of range is refused, and nothing has changed") {
    TcpPair pair = co_await tcp_pair();
    pair.client.set_user_timeout(7s);
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    for (const eddy::Duration limit : {eddy::Duration(0ns),
                                       eddy::Duration(-1ns),
                                       eddy::Duration(std::chrono::milliseconds(most)) + 1ns,
                                       eddy::Duration::max(),
                                       eddy::Duration::min()}) {
        CHECK_THROWS_AS(pair.client.set_user_timeout(limit), std::invalid_argument);
        CHECK(user_timeout(pair.client) == 7'000);
    }
    pair.client.close();
    CHECK_THROWS_AS(pair.client.set_user_timeout(1s), eddy::ClosedResource);
    CHECK_THROWS_AS(pair.client.clear_user_timeout(), eddy::ClosedResource);
}

}  // namespace
