// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/memory_stream.hpp>

#include "../test_kit.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// What a connection holds while it waits, and what it costs not to hold it.

namespace {

using namespace eddy::testing;
using eddy::BufferedReader;
using eddy::FrameReader;
using eddy::FrameWriter;
using eddy::select;
using eddy::Task;
using eddy::TcpStream;

[[maybe_unused]] constexpr std::size_t pooled = 6 * 128UL * 1024;  // what a thread keeps at most

/// A stream of somebody's that can only read.
template <class S>
class Plain final {
public:
    explicit Plain(S& stream) : stream_(stream) {}
    auto read_some(std::span<std::byte> into) { return stream_.read_some(into); }

private:
    S& stream_;
};

template <class S>
Task<> read_lines(S& stream, std::vector<std::size_t>& lengths) {
    BufferedReader reader(stream);
    while (true) {
        const auto line = co_await reader.read_line();
        if (!line) {
            break;
        }
        lengths.push_back(line->size());
    }
}

template <class S>
Task<> read_frames(S& stream, std::vector<std::size_t>& lengths) {
    FrameReader reader(stream);
    while (true) {
        const auto frame = co_await reader.next();
        if (!frame) {
            break;
        }
        lengths.push_back(frame->size());
    }
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

/// Bytes of heap that each of some idle readers has grown by since it waited for its first line.
template <class Pair, class Read>
Task<std::ptrdiff_t> growth_after(int connections, std::string message, Pair make, Read read) {
    using S = decltype(make(message).first);
    std::deque<std::pair<S, S>> pairs;
    std::deque<std::vector<std::size_t>> lengths;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < connections; ++i) {
        pairs.push_back(make(message));
        lengths.emplace_back().reserve(4);
        jobs.push_back(eddy::spawn(read(pairs.back().second, lengths.back())));
    }
    co_await settle();
    const std::ptrdiff_t before = heap_counters().bytes;
    for (auto& pair : pairs) {
        const std::string_view text = message;
        co_await pair.first.write_all(text);
    }
    co_await settle();
    const std::ptrdiff_t growth = heap_counters().bytes - before;
    for (const auto& read_here : lengths) {
        CHECK(read_here.size() == 1);
    }
    for (auto& pair : pairs) {
        pair.first.close();
    }
    for (auto& job : jobs) {
        co_await job;
    }
    co_return (growth - static_cast<std::ptrdiff_t>(pooled)) / connections;
}

const auto memory_pair = [](const std::string& message) {
    return memory_stream_pair({.capacity = message.size()});
};

EDDY_TEST_CASE_FIFO("after a long line or a short one an idle connection has no buffer") {
    for (const std::size_t length : {10U, 5'000U, 60'000U}) {
        const std::string line = std::string(length, 'x') + "\r\n";
        const int connections = length < 50'000 ? 1'000 : 100;
        const std::ptrdiff_t growth =
            co_await growth_after(connections, line, memory_pair, [](auto& stream, auto& to) {
                return read_lines(stream, to);
            });
        CHECK(growth < 100);
    }
}

EDDY_TEST_CASE_FIFO("after a frame, too") {
    std::string frame("\0\0\xea\x60", 4);
    frame.append(60'000, 'x');
    const std::ptrdiff_t growth = co_await growth_after(
        100, frame, memory_pair, [](auto& stream, auto& to) { return read_frames(stream, to); });
    CHECK(growth < 100);
}

EDDY_TEST_CASE_FIFO(
    "where a stream cannot say that there is something, 4 KiB are all that is kept") {
    const std::ptrdiff_t growth = co_await growth_after(
        100, std::string(60'000, 'x') + '\n', memory_pair, [](auto& stream, auto& to) -> Task<> {
            return [](auto& from, auto& all) -> Task<> {
                Plain plain(from);
                co_await read_lines(plain, all);
            }(stream, to);
        });
    CHECK(growth < 4'096 + 100);
}

/// So that it neither takes nor gives memory in what is measured next.
void fill_pool() {
    using eddy::detail::BufferPool;
    std::deque<eddy::detail::PooledBuffer> all;
    for (std::size_t size = BufferPool::smallest; size <= BufferPool::largest; size *= 2) {
        for (std::size_t sum = 0; sum < BufferPool::largest; sum += size) {
            all.emplace_back(size);
        }
    }
}

/// Bytes of heap over its stream, of a job that has read something and waits for more.
template <class Pair, class Read>
Task<std::ptrdiff_t> held_while_idle(int connections, std::string message, Pair make, Read read) {
    using S = decltype(make(message).first);
    std::deque<std::pair<S, S>> pairs;
    std::deque<std::vector<std::size_t>> lengths;
    std::vector<eddy::JoinHandle<void>> jobs;
    jobs.reserve(static_cast<std::size_t>(connections));
    for (int i = 0; i < connections; ++i) {
        pairs.push_back(make(message));
        lengths.emplace_back().reserve(4);
    }
    fill_pool();
    const std::ptrdiff_t before = heap_counters().bytes;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        jobs.push_back(eddy::spawn(read(pairs[i].second, lengths[i])));
    }
    for (auto& pair : pairs) {
        const std::string_view text = message;
        co_await pair.first.write_all(text);
    }
    for (const auto& read_here : lengths) {
        while (read_here.empty()) {  // what a socket brings may take a moment
            co_await settle();
        }
    }
    co_await settle();
    const std::ptrdiff_t growth = heap_counters().bytes - before;
    for (auto& pair : pairs) {
        pair.first.close();
    }
    for (auto& job : jobs) {
        co_await job;
    }
    co_return growth / connections;
}

const auto socket_pair = [](const std::string&) { return eddy::UnixStream::pair(); };

EDDY_NET_TEST_FIFO("after 16 KiB an idle connection holds less than 4 KiB over its stream") {
    const std::string line = std::string(16'000, 'x') + "\n";
    std::string frame("\0\0\x3e\x80", 4);
    frame.append(16'000, 'x');
    const auto lines = [](auto& stream, auto& to) { return read_lines(stream, to); };
    const auto frames = [](auto& stream, auto& to) { return read_frames(stream, to); };
    const std::ptrdiff_t figures[] = {
        co_await held_while_idle(1'000, line, memory_pair, lines),
        co_await held_while_idle(1'000, frame, memory_pair, frames),
        co_await held_while_idle(300, line, socket_pair, lines),
        co_await held_while_idle(300, frame, socket_pair, frames),
    };
    for (const std::ptrdiff_t bytes : figures) {
        MESSAGE(bytes << " bytes");
        CHECK(bytes < 4'096);
    }
}

/// A line, and then a wait of another kind, until the stream ends.
template <class S, class Wait>
Task<> line_then(S& stream, std::vector<std::size_t>& lengths, Wait wait) {
    BufferedReader reader(stream);
    const auto line = co_await reader.read_line();
    lengths.push_back(line->size());
    try {
        co_await wait(reader);
    } catch (const eddy::EndOfStream&) {
    }
}

/// As a job, held for 16 KiB before.
template <class Wait>
Task<std::ptrdiff_t> held_in(Wait wait) {
    const std::string line = std::string(16'000, 'x') + "\n";
    const auto read = [wait](auto& stream, auto& to) { return line_then(stream, to, wait); };
    co_return co_await held_while_idle(300, line, socket_pair, read);
}

EDDY_NET_TEST_FIFO("so it does in every kind of wait") {
    const auto peek = [](auto& reader) -> Task<> { static_cast<void>(co_await reader.peek()); };
    const auto readable = [](auto& reader) -> Task<> { co_await reader.wait_readable(); };
    const auto some = [](auto& reader) -> Task<> {
        std::array<std::byte, 16> memory{};
        static_cast<void>(co_await reader.read_some(memory));
    };
    const auto fill = [](auto& reader) -> Task<> {
        std::array<std::byte, 16> memory{};
        co_await reader.read_exactly(std::span(memory));
    };
    const auto until = [](auto& reader) -> Task<> {
        static_cast<void>(co_await select(reader.read_until("::"), eddy::sleep_forever()));
    };
    const std::ptrdiff_t figures[] = {co_await held_in(peek),
                                      co_await held_in(readable),
                                      co_await held_in(some),
                                      co_await held_in(fill),
                                      co_await held_in(until)};
    for (const std::ptrdiff_t bytes : figures) {
        CHECK(bytes < 2'048);
    }
}

EDDY_NET_TEST_FIFO("a line costs no allocation, over TCP and with timeouts") {
    TcpPair pair = co_await tcp_pair();
    eddy::TimedStream<TcpStream&> timed(pair.client, {.idle = std::chrono::seconds(60)});
    BufferedReader server(pair.server);
    BufferedReader client(timed);
    std::size_t before = 0;
    for (int i = 0; i < 200; ++i) {
        before = i == 20 ? heap_counters().allocations : before;
        const std::string_view text = i % 2 == 0 ? "a line\n" : "another line\r\n";
        co_await timed.write_all(text);
        const auto line = co_await server.read_line();
        CHECK(line.has_value());
        co_await pair.server.write_all(text);
        const auto echo = co_await client.read_line();
        CHECK(echo.has_value());
    }
    CHECK(heap_counters().allocations == before);
}

EDDY_NET_TEST_FIFO("a proxy has no buffers while both sides are silent") {
    TcpPair one = co_await tcp_pair();
    TcpPair two = co_await tcp_pair();
    auto proxy = eddy::spawn([](TcpStream& a, TcpStream& b) -> Task<> {
        co_await eddy::copy_bidirectional(a, b, {.buffer_size = 100'000});
    }(one.server, two.client));
    co_await settle();
    for (int i = 0; i < 3; ++i) {
        co_await one.client.write_all("there");
        const std::string there = co_await read_text(two.server);
        CHECK(there == "there");
        co_await two.server.write_all("back");
        const std::string back = co_await read_text(one.client);
        CHECK(back == "back");
    }
    co_await settle();
    const std::ptrdiff_t idle = heap_counters().bytes;
    {
        // Whatever the proxy held would make the pool give less here.
        const eddy::detail::PooledBuffer other(100'000);
        CHECK(heap_counters().bytes == idle);
    }
    one.client.close();
    two.server.close();
    co_await proxy;
}

#endif

#if EDDY_SYSTEM_CALL_FAULTS

/// Counts, and lets everything pass.
class Calls final : public FaultPlan {
public:
    [[nodiscard]] int error_of(SystemCall call) noexcept override {
        ++counts_[static_cast<std::size_t>(call)];
        return 0;
    }
    [[nodiscard]] std::size_t of(SystemCall call) const {
        return counts_[static_cast<std::size_t>(call)];
    }
    [[nodiscard]] std::size_t all() const {
        std::size_t sum = 0;
        for (const std::size_t count : counts_) {
            sum += count;
        }
        return sum;
    }

private:
    std::array<std::size_t, 16> counts_{};
};

EDDY_NET_TEST("a line costs one recv and one send, and no other call") {
    TcpPair pair = co_await tcp_pair();
    BufferedReader server(pair.server);
    const auto exchange = [&](int rounds) -> Task<> {
        for (int i = 0; i < rounds; ++i) {
            auto job = eddy::spawn(write_task(pair.client, bytes_of("a line\n")));
            const auto line = co_await server.read_line();
            CHECK(line == "a line");
            co_await job;
        }
    };
    co_await exchange(3);
    Calls calls;
    co_await exchange(100);
    CHECK(calls.of(SystemCall::recv) == 100);
    CHECK(calls.of(SystemCall::send) == 100);
    CHECK(calls.all() == 200);
}

EDDY_NET_TEST("a connection that brings its only request costs no call of the poll set") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    co_await client.write_all("request\n");
    Calls calls;
    {
        TcpStream server = co_await listener.accept();
        const std::size_t watched = calls.of(SystemCall::poll_set);  // the listener, once
        BufferedReader reader(server);
        const auto line = co_await reader.read_line();
        CHECK(line == "request");
        co_await server.write_all("answer\n");
        server.close();
        CHECK(calls.of(SystemCall::watch) == 0);
        CHECK(calls.of(SystemCall::poll_set) == watched);
        CHECK(calls.of(SystemCall::accept) == 1);
        CHECK(calls.of(SystemCall::ioctl) == 1);
        CHECK(calls.of(SystemCall::recv) == 1);
        CHECK(calls.of(SystemCall::send) == 1);
    }
    const std::string answer = co_await read_text(client);
    CHECK(answer == "answer\n");
}

EDDY_NET_TEST("where the first bytes come later, or more is waited for, few are asked for them") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    for (const bool late : {true, false}) {
        Calls calls;
        for (int i = 0; i < 64; ++i) {
            TcpStream client = co_await eddy::connect(listener.local_address());
            if (!late) {
                co_await client.write_all("early");
            }
            TcpStream server = co_await listener.accept();
            if (late) {
                co_await client.write_all("later");
            }
            const std::string first = co_await read_text(server);
            CHECK(first == (late ? "later" : "early"));
            client.close();
            const std::string end = co_await read_text(server);
            CHECK(end.empty());
        }
        CHECK(calls.of(SystemCall::recv) == 2 * 64);
        CHECK(calls.of(SystemCall::watch) == 2 * 64);      // client and server
        CHECK(calls.of(SystemCall::ioctl) <= 2 * 64 + 5);  // libuv's, and four of ours
    }
}

EDDY_NET_TEST("a descriptor that cannot be watched fails the first operation that has to wait") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    co_await client.write_all("early");
    TcpStream server = co_await listener.accept();
    std::array<std::byte, 8> buffer{};
    const std::string early = co_await read_text(server);
    CHECK(early == "early");
    {
        const FailNth plan(SystemCall::watch, ENOSPC, 1, FailNth::always);
        const auto read = co_await error_of(read_task(server, buffer));
        CHECK(holds<eddy::IoError>(read));
        CHECK(as<eddy::IoError>(read).code().value() == ENOSPC);
        co_await server.write_all("what need not wait works");
    }
    const std::string text = co_await read_text(client);
    CHECK(text == "what need not wait works");
    co_await client.write_all("later");
    const std::string later = co_await read_text(server);
    CHECK(later == "later");
    const std::size_t filled = co_await fill(client);
    CHECK(filled != 0);
}

EDDY_NET_TEST("a stream that was full to the brim may still be at its end") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("12345678");
    std::array<std::byte, 8> buffer{};
    const std::size_t count = co_await pair.server.read_some(buffer);
    CHECK(count == 8);
    auto waits = eddy::spawn(
        [](TcpStream& stream) -> Task<> { co_await stream.wait_readable(); }(pair.server));
    co_await settle();
    CHECK_FALSE(waits.done());  // it asks, and there is nothing
    pair.client.close();
    co_await waits;
    const std::size_t end = co_await pair.server.read_some(buffer);
    CHECK(end == 0);
}

#endif

EDDY_NET_TEST("waiting until there is something takes nothing, also when a select drops it") {
    TcpPair pair = co_await tcp_pair();
    auto first = co_await select(pair.server.wait_readable(), settle());
    CHECK(first.index() == 1);
    co_await pair.client.write_all("x");
    auto second = co_await select(pair.server.wait_readable(), settle());
    CHECK(second.index() == 0);
    auto both = co_await select(pair.server.wait_readable(), pair.client.wait_readable());
    CHECK(both.index() == 0);
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "x");
    auto [reader, writer] = std::move(pair.server).split();
    co_await pair.client.write_all("y");
    co_await reader.wait_readable();
    const std::string half = co_await read_text(reader);
    CHECK(half == "y");
    co_await writer.write_all("z");
    auto op = pair.client.wait_readable();  // awaited again
    co_await op;
    co_await op;
    const std::string back = co_await read_text(pair.client);
    CHECK(back == "z");
}

}  // namespace
