// SPDX-License-Identifier: MIT
// A write has sent a part when it was tried: a select around the select that it is in does not try
// it again.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/select.hpp>
#include <eddy/select_range.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/stream_contract.hpp>

#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::AnyStream;
using eddy::select;
using eddy::Task;
using stream_contract::read_text;

}  // namespace

EDDY_NET_TEST("a write in a select in another one that looks again is tried once") {
    const std::string large(16UL << 20U, 'x');
    TcpPair busy = co_await tcp_pair();
    AnyStream any(std::move(busy.client));
    TcpPair pair = co_await tcp_pair();
    auto reading = eddy::spawn(read_text(pair.server, large.size()));
    const auto got = co_await select(any.write_all(std::string_view(large)),
                                     select(pair.client.write_all(large), eddy::sleep_for(1h)));
    CHECK(got.index() == 1);
    const std::string text = co_await reading;
    CHECK(text == large);
}

EDDY_NET_TEST("so is one in a select over a list in such a one") {
    const std::string large(16UL << 20U, 'x');
    TcpPair busy = co_await tcp_pair();
    AnyStream any(std::move(busy.client));
    TcpPair pair = co_await tcp_pair();
    std::vector<eddy::TcpStream*> streams{&pair.client};
    const auto write = [&large](eddy::TcpStream* stream) { return stream->write_all(large); };
    auto reading = eddy::spawn(read_text(pair.server, large.size()));
    const auto got =
        co_await select(any.write_all(std::string_view(large)), select(streams, write));
    CHECK(got.index() == 1);
    const std::string text = co_await reading;
    CHECK(text == large);
}
