// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/signal_set.hpp>

#include "broken_contract.hpp"
#include "net_kit.hpp"
#include "wrong_thread.hpp"

// Every public function of what touches the outside world, on a std::thread, on another loop's
// thread and in a forked child. A child may close what it has inherited, and only that.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;

std::byte one_byte[1] = {std::byte{'x'}};

/// What every stream has.
template <class S>
std::vector<OffLoopCall> stream_calls(S& stream) {
    return {
        off_loop_await("read_some", [&] { return stream.read_some(one_byte); }),
        off_loop_await("write_some", [&] { return stream.write_some(one_byte); }),
        off_loop_await("write_all", [&] { return stream.write_all(one_byte); }),
        off_loop_await("wait_hang_up", [&] { return stream.wait_hang_up(); }),
        off_loop_await("shutdown", [&] { return stream.shutdown(); }),
    };
}

std::string text(const eddy::StreamStatistics& now) {
    return std::to_string(now.bytes_read) + " read, " + std::to_string(now.bytes_written) +
           " written" + (now.reading ? ", reading" : "") + (now.writing ? ", writing" : "");
}

/// On threads, but not in a child.
void check_close_refused(const std::function<void()>& close) {
    const auto checked = [&] { CHECK_THROWS_AS(close(), eddy::WrongThread); };
    on_another_thread(checked);
    on_another_thread([&] {
        eddy::run([](const auto& call) -> Task<> {
            call();
            co_return;
        }(checked));
    });
}

}  // namespace

EDDY_NET_TEST("a TcpStream is its loop's") {
    TcpPair pair = co_await tcp_pair();
    eddy::TcpStream& stream = pair.client;
    auto calls = stream_calls(stream);
    calls.emplace_back("is_open", [&] { return stream.is_open(); });
    calls.emplace_back("statistics", [&] { return stream.statistics(); });
    calls.emplace_back("local_address", [&] { return stream.local_address(); });
    calls.emplace_back("peer_address", [&] { return stream.peer_address(); });
    calls.emplace_back("set_nodelay", [&] { stream.set_nodelay(true); });
    calls.emplace_back("set_keepalive", [&] { stream.set_keepalive({}); });
    calls.emplace_back("clear_keepalive", [&] { stream.clear_keepalive(); });
    calls.emplace_back("set_user_timeout", [&] { stream.set_user_timeout(1s); });
    calls.emplace_back("clear_user_timeout", [&] { stream.clear_user_timeout(); });
    calls.emplace_back("used_fast_open", [&] { return stream.used_fast_open(); });
    calls.emplace_back("native_handle", [&] { return stream.native_handle(); });
    calls.emplace_back("release", [&] { return stream.release(); });
    calls.emplace_back("split", [&] { static_cast<void>(std::move(stream).split()); });
    check_refused(calls, [&] { return text(stream.statistics()); });
    check_close_refused([&] { stream.close(); });
    check_close_refused([&] { stream.close_reset(); });
    co_await stream.write_all("still here");
    const std::string got = co_await read_text(pair.server);
    CHECK(got == "still here");
}

EDDY_NET_TEST("the halves of a stream are its loop's") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, writer] = std::move(pair.client).split();
    check_refused(
        {
            off_loop_await("read_some", [&r = reader] { return r.read_some(one_byte); }),
            off_loop_await("write_some", [&w = writer] { return w.write_some(one_byte); }),
            off_loop_await("write_all", [&w = writer] { return w.write_all(one_byte); }),
            off_loop_await("shutdown", [&w = writer] { return w.shutdown(); }),
        },
        [] { return std::string(); });
    check_close_refused([&r = reader] { r.close(); });
    check_close_refused([&w = writer] { w.close(); });
    co_await writer.write_all("still here");
    const std::string got = co_await read_text(pair.server);
    CHECK(got == "still here");
}

EDDY_NET_TEST("listeners, a server and its statistics are their loop's") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    eddy::Server server;
    check_refused(
        {
            OffLoopCall("TcpListener::is_open", [&] { return listener.is_open(); }),
            OffLoopCall("TcpListener::statistics", [&] { return listener.statistics(); }),
            OffLoopCall("TcpListener::native_handle", [&] { return listener.native_handle(); }),
            OffLoopCall("TcpListener::release", [&] { return listener.release(); }),
            off_loop_await("TcpListener::accept", [&] { return listener.accept(); }),
            OffLoopCall("Server::statistics", [&] { return server.statistics(); }),
            OffLoopCall("Server::draining", [&] { return server.draining(); }),
            {"Server::drain", [&] { server.drain(); }},
            off_loop_await("Server::wait_draining", [&] { return server.wait_draining(); }),
            off_loop_await("serve",
                           [&] {
                               return eddy::serve(
                                   server, listener, [](eddy::TcpStream) -> Task<> { co_return; });
                           }),
        },
        [&] {
            return std::to_string(listener.statistics().waiters) +
                   (listener.is_open() ? " open" : " closed") +
                   (server.draining() ? " draining" : "");
        });
    check_close_refused([&] { listener.close(); });
    check_anywhere({
        {"TcpListener::local_address",
         "a constant",
         [&] { static_cast<void>(listener.local_address()); }},
        {"Server::max_connections",
         "a constant",
         [&] { static_cast<void>(server.max_connections()); }},
    });
    const ChildResult child = run_in_child([&] {
        listener.close();
        return 0;
    });
    CHECK(child.exit_code == 0);
    CHECK(listener.is_open());
    const eddy::TcpStream client = co_await eddy::connect(listener.local_address());
    const eddy::TcpStream accepted = co_await listener.accept();
}

EDDY_NET_TEST("Unix streams and readers of all kinds are their loop's") {
    auto [stream, peer] = eddy::UnixStream::pair();
    eddy::BufferedReader reader(stream);
    eddy::FrameReader frames(stream);
    eddy::FrameWriter sender(stream);
    auto [timed_inner, timed_peer] = eddy::UnixStream::pair();
    eddy::TimedStream<eddy::UnixStream> timed(std::move(timed_inner), {.idle = 1h});
    co_await peer.write_all("one\ntwo\n");
    const auto line = co_await reader.read_line();  // the other one is in the reader's buffer
    CHECK(line == "one");
    auto calls = stream_calls(stream);
    for (OffLoopCall& each : stream_calls(timed)) {
        calls.push_back(std::move(each));
    }
    calls.emplace_back("peer_credentials", [&s = stream] { return s.peer_credentials(); });
    calls.emplace_back("UnixStream::release", [&s = stream] { return s.release(); });
    calls.emplace_back("buffered", [&] { return reader.buffered(); });
    calls.push_back(off_loop_await("read_line", [&] { return reader.read_line(); }));
    calls.push_back(off_loop_await("read_until", [&] { return reader.read_until("o"); }));
    calls.push_back(off_loop_await("read_exactly", [&] { return reader.read_exactly(1); }));
    calls.push_back(off_loop_await(
        "read_exactly into", [&] { return reader.read_exactly(std::span<std::byte>(one_byte)); }));
    calls.push_back(
        off_loop_await("BufferedReader::read_some", [&] { return reader.read_some(one_byte); }));
    calls.emplace_back("consume", [&] { reader.consume(1); });
    calls.push_back(off_loop_await("peek", [&] { return reader.peek(); }));
    calls.push_back(off_loop_await("wait_readable", [&] { return reader.wait_readable(); }));
    calls.push_back(off_loop_await("FrameReader::next", [&] { return frames.next(); }));
    calls.push_back(
        off_loop_await("FrameReader::wait_readable", [&] { return frames.wait_readable(); }));
    calls.push_back(off_loop_await("FrameWriter::send", [&] { return sender.send("hello"); }));
    calls.emplace_back("set_timeouts", [&] { timed.set_timeouts({}); });
    check_refused(calls, [&, &s = stream] {
        return text(s.statistics()) + ", " + std::to_string(reader.buffered()) + " buffered";
    });
    check_close_refused([&] { timed.close(); });
    check_close_refused([&] { timed.close_reset(); });
    const auto rest = co_await reader.read_line();
    CHECK(rest == "two");
}

EDDY_NET_TEST("a SignalSet is its loop's") {
    eddy::SignalSet signals{SIGUSR2};
    check_refused(
        {
            OffLoopCall("statistics", [&] { return signals.statistics(); }),
            off_loop_await("next", [&] { return signals.next(); }),
        },
        [&] { return std::to_string(signals.statistics().waiters); });
    co_await eddy::checkpoint();
}

EDDY_NET_TEST("a child opens nothing in its parent's loop") {
    const ChildResult child = run_in_child([] {
        const auto refused = [](auto call) {
            try {
                static_cast<void>(call());
            } catch (const eddy::InvalidState& error) {
                return std::string(error.what()).find("fork") != std::string::npos;
            }
            return false;
        };
        return !refused([] { return eddy::TcpListener::listen(eddy::Address::loopback(0)); }) ? 1
               : !refused([] { return eddy::UnixStream::pair(); })                            ? 2
               : !refused([] {
                     return std::make_unique<eddy::SignalSet>(std::initializer_list<int>{SIGUSR2});
                 })
                   ? 3
                   : 0;
    });
    CHECK(child.exit_code == 0);
    co_await eddy::checkpoint();
}

EDDY_NET_TEST("a child destroys what it has inherited, also in a loop of its own") {
    TcpPair pair = co_await tcp_pair();
    auto listener =
        std::make_unique<eddy::TcpListener>(eddy::TcpListener::listen(eddy::Address::loopback(0)));
    auto timed = std::make_unique<eddy::TimedStream<eddy::TcpStream&>>(
        pair.server, eddy::StreamTimeouts{.idle = 1h});
    auto signals = std::make_unique<eddy::SignalSet>(std::initializer_list<int>{SIGUSR2});
    auto client = std::make_unique<eddy::TcpStream>(std::move(pair.client));
    const ChildResult child = run_in_child([&] {
        timed.reset();
        eddy::run([](auto& stream, auto& listening, auto& set) -> Task<> {
            stream.reset();
            listening.reset();
            set.reset();
            co_return;
        }(client, listener, signals));
        return 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors << " (signal " << child.signal << ")");
    co_await client->write_all("alive");
    const std::string got = co_await read_text(pair.server);
    CHECK(got == "alive");
    const eddy::TcpStream second = co_await eddy::connect(listener->local_address());
    const eddy::TcpStream accepted = co_await listener->accept();
}

EDDY_ABORT_TEST_CASE("a TimedStream that is destroyed on another thread says so",
                     "a TimedStream was destroyed off its loop's thread") {
    auto [stream, peer] = eddy::UnixStream::pair();
    auto timed = std::make_unique<eddy::TimedStream<eddy::UnixStream&>>(
        stream, eddy::StreamTimeouts{.idle = 1h});
    co_await eddy::checkpoint();
    on_another_thread([&] { timed.reset(); });
}
