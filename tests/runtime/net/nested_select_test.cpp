// SPDX-License-Identifier: MIT
// A write has sent a part when it was tried: a select around the select that it is in does not try
// it again.
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/buffered_writer.hpp>
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
using Bytes = std::span<const std::byte>;

/// A stream of a user's that ends as its writer does.
class EndsByWriter final {
public:
    explicit EndsByWriter(AnyStream inner) : parts_(std::make_unique<Parts>(std::move(inner))) {}
    auto read_some(std::span<std::byte> into) { return parts_->stream.read_some(into); }
    auto write_some(Bytes bytes) { return parts_->stream.write_some(bytes); }
    auto write_all(Bytes bytes) { return parts_->stream.write_all(bytes); }
    auto write_all(std::span<const Bytes> several) { return parts_->stream.write_all(several); }
    auto write_all(std::string_view text) { return parts_->stream.write_all(text); }
    auto shutdown() { return parts_->writer.shutdown(); }
    void close() { parts_->stream.close(); }

private:
    struct Parts {
        explicit Parts(AnyStream inner) : stream(std::move(inner)) {}
        AnyStream stream;
        eddy::BufferedWriter<AnyStream> writer{stream};
    };
    std::unique_ptr<Parts> parts_;
};

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

EDDY_NET_TEST("any_stream takes a stream that ends in steps, as a writer does") {
    TcpPair pair = co_await tcp_pair();
    AnyStream any(EndsByWriter(AnyStream(std::move(pair.client))));
    co_await any.write_all("text");
    const auto got = co_await select(any.shutdown(), eddy::sleep_for(1h));
    CHECK(got.index() == 0);
    const std::string text = co_await stream_contract::read_all(pair.server);
    CHECK(text == "text");
}
