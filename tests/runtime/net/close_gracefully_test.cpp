// SPDX-License-Identifier: MIT
#include <eddy/net/close_gracefully.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "shortage.hpp"

// A connection that ends so that the peer can read what was said last.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::close_gracefully;
using eddy::CloseOptions;
using eddy::CloseResult;
using eddy::Task;
using eddy::TcpStream;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::reads;

static_assert(std::is_trivially_destructible_v<CloseOptions>);

/// A stream that has no more than a stream must have: no `wait_readable`.
class PlainStream final {
public:
    explicit PlainStream(MemoryStream inner) : inner_(std::move(inner)) {}
    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto write_some(std::span<const std::byte> b) { return inner_.write_some(b); }
    [[nodiscard]] auto write_all(std::span<const std::byte> b) { return inner_.write_all(b); }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    [[nodiscard]] auto write_all(std::string_view text) { return inner_.write_all(text); }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    MemoryStream inner_;
};
static_assert(eddy::Stream<PlainStream> && !eddy::detail::WaitsReadable<PlainStream>);

template <class S>
Task<CloseResult> closes(S& stream, CloseOptions options = {}) {
    co_return co_await close_gracefully(stream, options);
}

/// The peer of a request: reads until the end, says all it has, and ends.
template <class S>
Task<std::string> reads_answer(S& stream) {
    std::string answer = co_await read_all(stream);
    stream.close();
    co_return answer;
}

/// A byte now and then, until nobody takes it.
Task<> drips(MemoryStream& stream) {
    try {
        while (true) {
            co_await stream.write_all("x");
            co_await eddy::sleep_for(100ms);
        }
    } catch (const eddy::BrokenResource&) {
    }
}

template <class S>
Task<> answers_a_request_that_nobody_read(S client, S server) {
    co_await client.write_all(std::string_view("a request that is not read"));
    co_await settle();
    co_await server.write_all(std::string_view("413 too much"));
    auto closing = eddy::spawn(closes(server));
    co_await settle();
    co_await client.write_all(std::string_view("and goes on"));
    const std::string answer = co_await reads_answer(client);
    CHECK(answer == "413 too much");
    const CloseResult result = co_await closing;
    CHECK(result == CloseResult::ended);
    const Ending after = co_await reads(server);
    CHECK(after == Ending::closed);
}

}  // namespace

EDDY_NET_TEST("an answer to what was not read arrives, over TCP, if the stream closes gracefully") {
    TcpPair pair = co_await tcp_pair();
    co_await answers_a_request_that_nobody_read(std::move(pair.client), std::move(pair.server));
}

EDDY_NET_TEST("the same over a Unix socket that closes gracefully") {
    auto [client, server] = eddy::UnixStream::pair();
    co_await answers_a_request_that_nobody_read(std::move(client), std::move(server));
}

EDDY_TEST_CASE("the same in memory: it closes gracefully") {
    auto [client, server] = memory_stream_pair();
    co_await answers_a_request_that_nobody_read(std::move(client), std::move(server));
}

EDDY_NET_TEST("what this is for: a plain close takes the answer away") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("a request that is not read");
    co_await settle();
    co_await pair.server.write_all("413 too much");
    pair.server.close();
    co_await settle();
    bool lost = false;
    try {
        static_cast<void>(co_await read_all(pair.client));
    } catch (const eddy::BrokenResource&) {
        lost = true;
    }
    CHECK(lost);
}

EDDY_TEST_CASE("a stream that is given away closes when the peer has ended") {
    auto [client, server] = memory_stream_pair();
    auto closing = eddy::spawn(close_gracefully(std::move(server)));
    co_await settle();
    CHECK_FALSE(closing.done());
    co_await client.shutdown();
    const CloseResult result = co_await closing;
    CHECK(result == CloseResult::ended);
    const Ending end = co_await reads(client);
    CHECK(end == Ending::zero);
    bool open = true;
    try {
        co_await client.write_all("x");
    } catch (const eddy::ClosedResource&) {
        open = false;
    }
    CHECK_FALSE(open);
}

EDDY_TEST_CASE("a peer that sends a byte now and then does not hold a stream that closes") {
    auto [client, server] = memory_stream_pair();
    auto dripping = eddy::spawn(drips(client));
    const eddy::TimePoint begun = eddy::now();
    const CloseResult result = co_await close_gracefully(server, {.time = 2s});
    CHECK(eddy::now() - begun == 2s);
    CHECK(result == CloseResult::cut_off);
    co_await dripping;
}

EDDY_TEST_CASE(
    "a silent peer holds a stream that closes for three seconds, unless said otherwise") {
    auto [client, server] = memory_stream_pair();
    const eddy::TimePoint begun = eddy::now();
    const CloseResult result = co_await close_gracefully(server);
    CHECK(eddy::now() - begun == 3s);
    CHECK(result == CloseResult::cut_off);
    const Ending end = co_await reads(client);
    CHECK(end == Ending::zero);  // it was told, and nothing of it was unread
}

EDDY_TEST_CASE("a stream that closes reads so many bytes, and not one more") {
    for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{40'000}}) {
        for (const bool more : {false, true}) {
            auto [client, server] = memory_stream_pair();
            const std::string text(limit + (more ? 1 : 0), 'x');
            co_await client.write_all(text);
            co_await client.shutdown();
            const CloseResult result = co_await close_gracefully(server, {.bytes = limit});
            CHECK(result == (more ? CloseResult::cut_off : CloseResult::ended));
        }
    }
    auto [client, server] = memory_stream_pair();
    auto flood = eddy::spawn(stream_contract::writes(client, 10UL << 20U));
    const CloseResult result = co_await close_gracefully(server);
    CHECK(result == CloseResult::cut_off);
    const Ending broken = co_await flood;
    CHECK(broken == Ending::broken);
}

EDDY_TEST_CASE("a stream without wait_readable closes gracefully too") {
    auto [client, inner] = memory_stream_pair();
    PlainStream server(std::move(inner));
    auto closing = eddy::spawn(closes(server));
    co_await client.write_all("unread");
    const std::string nothing = co_await reads_answer(client);
    CHECK(nothing.empty());
    const CloseResult result = co_await closing;
    CHECK(result == CloseResult::ended);
}

EDDY_TEST_CASE("a peer that is gone is no error of a stream that closes") {
    auto [client, server] = memory_stream_pair();
    client.close_reset();
    const CloseResult before = co_await close_gracefully(server);
    CHECK(before == CloseResult::gone);
    auto [later, other] = memory_stream_pair();
    auto closing = eddy::spawn(closes(other));
    co_await settle();
    later.close_reset();
    const CloseResult meanwhile = co_await closing;
    CHECK(meanwhile == CloseResult::gone);
    const CloseResult again = co_await close_gracefully(other);  // it is closed
    CHECK(again == CloseResult::cut_off);
}

EDDY_NET_TEST("a torn stream is reset by what closes it gracefully") {
    TcpPair pair = co_await tcp_pair();
    const std::string large(64UL << 20U, 'x');
    const auto written =
        co_await eddy::move_on_after(1ms, write_task(pair.server, bytes_of(large)));
    CHECK_FALSE(written);
    const CloseResult result = co_await close_gracefully(pair.server);
    CHECK(result == CloseResult::gone);
    bool reset = false;
    try {
        static_cast<void>(co_await read_all(pair.client));
    } catch (const eddy::BrokenResource&) {
        reset = true;
    }
    CHECK(reset);
}

EDDY_TEST_CASE("a torn stream is reset by what closes it gracefully, in memory") {
    auto [client, server] = memory_stream_pair({.capacity = 4});
    const auto written =
        co_await eddy::move_on_after(1ms, write_task(server, bytes_of("too long")));
    CHECK_FALSE(written);
    const CloseResult result = co_await close_gracefully(server);
    CHECK(result == CloseResult::gone);
    const Ending end = co_await reads(client);
    CHECK(end == Ending::broken);
}

EDDY_TEST_CASE("cancelled, it closes at once") {
    for (const bool before : {false, true}) {
        auto [client, server] = memory_stream_pair();
        eddy::CancelScope scope;
        if (before) {
            scope.cancel();
        }
        const eddy::TimePoint begun = eddy::now();
        auto closing = eddy::spawn(with_scope(scope, closes(server)));
        co_await settle();
        CHECK(closing.done() == before);
        scope.cancel();
        const auto result = co_await closing;
        CHECK_FALSE(result.has_value());
        CHECK(eddy::now() == begun);
        CHECK_FALSE(server.is_open());
        const Ending end = co_await reads(client);
        CHECK(end == Ending::zero);
    }
}

EDDY_TEST_CASE("another job that closes the stream meanwhile is no error") {
    auto [client, server] = memory_stream_pair();
    auto closing = eddy::spawn(closes(server));
    co_await settle();
    server.close();
    const CloseResult result = co_await closing;
    CHECK(result == CloseResult::cut_off);
}

EDDY_TEST_CASE("while another job reads or writes, a graceful close throws, and has closed") {
    for (const bool reading : {false, true}) {
        auto [client, server] = memory_stream_pair({.capacity = 4});
        auto other = reading ? eddy::spawn(reads(server))
                             : eddy::spawn(stream_contract::writes(server, 100));
        co_await settle();
        bool busy = false;
        try {
            static_cast<void>(co_await close_gracefully(server));
        } catch (const eddy::BusyResource&) {
            busy = true;
        }
        CHECK(busy);
        const Ending ended = co_await other;
        CHECK(ended == Ending::closed);
    }
}

EDDY_TEST_CASE("limits that make no sense leave the stream that was to close alone") {
    auto [client, server] = memory_stream_pair();
    for (const CloseOptions& options :
         {CloseOptions{.time = 0s}, CloseOptions{.time = -1s}, CloseOptions{.bytes = -1}}) {
        CHECK_THROWS_AS(static_cast<void>(close_gracefully(server, options)),
                        std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(close_gracefully(std::move(server), options)),
                        std::invalid_argument);
    }
    CHECK(server.is_open());
    co_await client.write_all("x");
    const Ending there = co_await reads(server);
    CHECK(there == Ending::value);
}

EDDY_TEST_CASE("the limits of the stream itself count while it closes") {
    auto [client, server] = memory_stream_pair();
    eddy::TimedStream timed(std::move(server), {.idle = 1s});
    const eddy::TimePoint begun = eddy::now();
    const CloseResult result = co_await close_gracefully(timed, {.time = 10s});
    CHECK(result == CloseResult::cut_off);
    CHECK(eddy::now() - begun == 1s);

    eddy::Server limited({.silence = 2s});
    MemoryListener listener;
    CloseResult of_silence{};
    const auto handler = [&of_silence](MemoryStream stream) -> Task<> {
        of_silence = co_await close_gracefully(std::move(stream), {.time = 1h});
    };
    auto serving = eddy::spawn(eddy::serve(limited, listener, handler));
    const MemoryStream silent = listener.connect();
    co_await eddy::sleep_for(10s);
    CHECK(of_silence == CloseResult::cut_off);
    limited.drain();
    co_await serving;
    CHECK(limited.statistics().completed == 1);
}

namespace {

/// Looks when its scenario has ended, however that was.
class ClosedAtTheEnd final {
public:
    explicit ClosedAtTheEnd(const MemoryStream& stream) : stream_(stream) {}
    ClosedAtTheEnd(const ClosedAtTheEnd&) = delete;
    ClosedAtTheEnd& operator=(const ClosedAtTheEnd&) = delete;
    ~ClosedAtTheEnd() { CHECK_FALSE(stream_.is_open()); }

private:
    const MemoryStream& stream_;
};

}  // namespace

TEST_CASE("cancelled in any place, a graceful close has closed") {
    const std::size_t count = cancel_at_each_checkpoint([]() -> Task<> {
        auto [client, server] = memory_stream_pair();
        CHECK(client.write_all("unread").try_now());
        const ClosedAtTheEnd look(server);
        static_cast<void>(co_await close_gracefully(server));
    });
    CHECK(count > 3);
}

#if EDDY_HEAP_HOOKS
TEST_CASE("a shortage while a stream closes gracefully") {
    survives_shortage_in_job([]() -> Task<> {
        auto [client, server] = memory_stream_pair();
        co_await client.write_all("unread");
        co_await client.shutdown();
        static_cast<void>(co_await close_gracefully(server));
    });
}

EDDY_NET_TEST_FIFO("a stream that closes holds no buffer while its peer is silent") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("x");
    auto warm = eddy::spawn(closes(pair.server, {.time = 1h}));
    co_await settle();
    const std::size_t before = heap_counters().allocations;
    const eddy::detail::PooledBuffer lent(16UL * 1024);  // the one it has given back
    if (EDDY_FRAME_POOL) {
        CHECK(heap_counters().allocations == before);
    }
    pair.client.close();
    co_await warm;
}
#endif
