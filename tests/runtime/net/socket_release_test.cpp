// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "raw_socket.hpp"

// What a stream or a listener lends, `native_handle`, and gives up, `release`.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::ClosedResource;
using eddy::InvalidState;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::UnixListener;
using eddy::UnixStream;

EDDY_NET_TEST("native_handle lends the descriptor of a stream or listener that is open") {
    TcpPair pair = co_await tcp_pair();
    const int descriptor = pair.client.native_handle();
    CHECK(is_non_blocking(descriptor));
    CHECK(is_close_on_exec(descriptor));
    CHECK(int_option(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    CHECK(pair.server.native_handle() != descriptor);
    co_await pair.client.write_all("still its own");
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "still its own");
    pair.client.close();
    CHECK_FALSE(is_open_descriptor(descriptor));
    CHECK_THROWS_AS(static_cast<void>(pair.client.native_handle()), ClosedResource);
    auto [reader, writer] = std::move(pair.server).split();
    CHECK_THROWS_AS(static_cast<void>(pair.server.native_handle()), InvalidState);

    TcpListener listener = TcpListener::listen(Address::loopback(0));
    CHECK(int_option(listener.native_handle(), SOL_SOCKET, SO_ACCEPTCONN) == 1);
    listener.close();
    CHECK_THROWS_AS(static_cast<void>(listener.native_handle()), ClosedResource);
    const TcpListener moved = std::move(listener);
    CHECK_THROWS_AS(static_cast<void>(listener.native_handle()), InvalidState);
    UnixListener local = UnixListener::listen(std::string("\0eddy native handle", 19));
    CHECK(int_option(local.native_handle(), SOL_SOCKET, SO_ACCEPTCONN) == 1);
    local.close();
    CHECK_THROWS_AS(static_cast<void>(local.native_handle()), ClosedResource);
}

EDDY_NET_TEST("release gives the descriptor to its caller, and the stream is as if closed") {
    TcpPair pair = co_await tcp_pair();
    const Address peer = pair.client.peer_address();
    const int lent = pair.client.native_handle();
    std::optional<TcpStream> stream(std::move(pair.client));
    Raw raw(stream->release());
    CHECK(raw.get() == lent);
    CHECK(is_non_blocking(raw.get()));
    CHECK(is_close_on_exec(raw.get()));
    CHECK_FALSE(stream->is_open());
    CHECK(stream->peer_address() == peer);
    CHECK_THROWS_AS(static_cast<void>(stream->release()), ClosedResource);
    CHECK_THROWS_AS(co_await stream->write_all("x"), ClosedResource);
    CHECK_THROWS_AS(static_cast<void>(co_await read_text(*stream)), ClosedResource);
    stream->close();
    stream->close_reset();
    stream.reset();
    CHECK(is_open_descriptor(raw.get()));
    CHECK(::send(raw.get(), "by hand", 7, MSG_NOSIGNAL) == 7);
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "by hand");
}

EDDY_NET_TEST("release ends the waits of a stream, and takes nothing from them") {
    auto [mine, peer] = UnixStream::pair();
    static_cast<void>(co_await fill(mine));
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(mine, buffer));
    auto writer = eddy::spawn(write_task(mine, bytes_of("never sent")));
    co_await settle();
    CHECK(mine.statistics().reading);
    CHECK(mine.statistics().writing);
    const auto written = mine.statistics().bytes_written;
    const Raw raw(mine.release());
    CHECK_FALSE(mine.statistics().reading);
    const auto read_error = co_await failure_of(reader);
    const auto write_error = co_await failure_of(writer);
    CHECK(holds<ClosedResource>(read_error));
    CHECK(holds<ClosedResource>(write_error));
    const std::size_t drained = co_await drain(peer, written);
    CHECK(drained == written);
    co_await peer.write_all("x");
    char byte = 0;
    CHECK(::recv(raw.get(), &byte, 1, 0) == 1);
}

EDDY_NET_TEST("a select of operations on a stream that is released ends with ClosedResource") {
    auto [mine, peer] = UnixStream::pair();
    std::array<std::byte, 8> buffer{};
    auto read = mine.read_some(buffer);
    auto choosing = eddy::spawn([](auto& operation) -> Task<> {
        static_cast<void>(co_await eddy::select(operation, eddy::sleep_for(1h)));
    }(read));
    co_await settle();
    const Raw raw(mine.release());
    const auto error = co_await failure_of(choosing);
    CHECK(holds<ClosedResource>(error));
    CHECK_THROWS_AS(static_cast<void>(co_await read), ClosedResource);
}

EDDY_NET_TEST("the loop forgets a descriptor that is released at once, whatever was armed") {
    for (const bool reading : {false, true}) {
        auto [mine, peer] = UnixStream::pair();
        static_cast<void>(co_await fill(mine));
        std::array<std::byte, 8> buffer{};
        auto writer = eddy::spawn(write_task(mine, bytes_of("waits")));
        auto reader =
            eddy::spawn([](UnixStream& from, std::span<std::byte> into, bool reads) -> Task<> {
                if (reads) {
                    static_cast<void>(co_await from.read_some(into));
                }
            }(mine, buffer, reading));
        co_await settle();
        CHECK(is_in_an_epoll_set(mine.native_handle()));
        Raw raw(mine.release());
        CHECK_FALSE(is_in_an_epoll_set(raw.get()));
        static_cast<void>(co_await failure_of(writer));
        static_cast<void>(co_await failure_of(reader));
        CHECK_FALSE(is_in_an_epoll_set(raw.get()));
    }
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    auto accepting = eddy::spawn(accept_task(listener));
    co_await settle();
    CHECK(is_in_an_epoll_set(listener.native_handle()));
    const Raw raw(listener.release());
    CHECK_FALSE(is_in_an_epoll_set(raw.get()));
    static_cast<void>(co_await failure_of(accepting));
}

EDDY_NET_TEST(
    "the number of what was released and closed may be another stream's in the same turn") {
    auto [old, old_peer] = UnixStream::pair();
    std::array<std::byte, 8> buffer{};
    auto reader = eddy::spawn(read_task(old, buffer));
    co_await settle();
    co_await old_peer.write_all("for the old one");  // an event is due
    const int number = old.release();
    ::close(number);
    auto [fresh, fresh_peer] = UnixStream::pair();
    CHECK((fresh.native_handle() == number || fresh_peer.native_handle() == number));
    std::array<std::byte, 8> into{};
    auto fresh_reader = eddy::spawn(read_task(fresh, into));
    const auto error = co_await failure_of(reader);
    CHECK(holds<ClosedResource>(error));
    co_await settle();
    CHECK(fresh.statistics().reading);
    co_await fresh_peer.write_all("new");
    const std::size_t count = co_await fresh_reader;
    CHECK(text_of(std::span(into).first(count)) == "new");
}

EDDY_NET_TEST("what was released is adopted again, by the same loop, in the middle of a stream") {
    TcpPair pair = co_await tcp_pair();
    co_await pair.client.write_all("one two three");
    std::array<std::byte, 4> buffer{};
    std::string all;
    for (int i = 0; i < 3; ++i) {
        const std::size_t count = co_await pair.server.read_some(buffer);
        all += text_of(std::span(buffer).first(count));
        TcpStream again = TcpStream::adopt(pair.server.release());
        pair.server = std::move(again);
    }
    pair.client.close();
    all += co_await read_all(pair.server);
    CHECK(all == "one two three");
}

EDDY_NET_TEST("a connection is released here and adopted by the loop of another thread") {
    TcpPair pair = co_await tcp_pair();
    const int descriptor = pair.server.release();
    std::string got;
    std::thread elsewhere([descriptor, &got] {
        const auto main = [&]() -> Task<> {
            TcpStream stream = TcpStream::adopt(descriptor);
            got = co_await read_text(stream);
            co_await stream.write_all("from elsewhere");
        };
        eddy::run(main());
    });
    co_await pair.client.write_all("hello");
    const std::string answer = co_await read_all(pair.client);
    elsewhere.join();
    CHECK(got == "hello");
    CHECK(answer == "from elsewhere");
}

EDDY_NET_TEST("a connection that goes to and fro between two loops loses no byte") {
    constexpr int hops = 20;
    auto [mine, peer] = UnixStream::pair();
    std::string all;
    for (int i = 0; i < 2 * hops; ++i) {
        all += static_cast<char>('a' + i % 26);
    }
    co_await peer.write_all(all);
    peer.close();
    std::string got;
    const auto reads_one = [&got](int descriptor, int& released) -> Task<> {
        UnixStream stream = UnixStream::adopt(descriptor);
        got += co_await read_text(stream, 1);
        released = stream.release();
    };
    int descriptor = mine.release();
    for (int i = 0; i < hops; ++i) {
        std::thread([&] { eddy::run(reads_one(descriptor, descriptor)); }).join();
        co_await reads_one(descriptor, descriptor);
    }
    UnixStream rest = UnixStream::adopt(descriptor);
    const std::string end = co_await read_text(rest);
    CHECK(got == all);
    CHECK(end.empty());
}

EDDY_NET_TEST("a connection that was accepted with bytes, and never watched, is released too") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    for (int i = 0; i < 4; ++i) {  // the first ones find out whether that pays
        Raw client = raw_tcp_client(listener.local_address());
        CHECK(::send(client.get(), "early", 5, MSG_NOSIGNAL) == 5);
        TcpStream stream = co_await listener.accept();
        const Raw raw(stream.release());
        char text[8] = {};
        CHECK(::recv(raw.get(), text, sizeof text, 0) == 5);
    }
}

EDDY_NET_TEST("release is refused while a write is torn, and the stream stays to be reset") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> much(std::size_t{16} << 20U);
    auto torn = eddy::spawn(write_task(pair.client, much));
    co_await settle();
    // Under way: it has sent a part.
    std::string message;
    try {
        static_cast<void>(pair.client.release());
    } catch (const InvalidState& error) {
        message = error.what();
    }
    CHECK(message.find("a write has sent a part") != std::string::npos);
    CHECK(pair.client.is_open());
    CHECK(pair.client.statistics().writing);
    // Interrupted: nobody can go on.
    torn.cancel();
    co_await torn.wait();
    CHECK_THROWS_AS(static_cast<void>(pair.client.release()), InvalidState);
    CHECK(pair.client.is_open());
    pair.client.close();
    CHECK_THROWS_AS(static_cast<void>(co_await read_all(pair.server)), eddy::BrokenResource);
}

EDDY_NET_TEST("a write that goes on after a refused release loses nothing") {
    auto [mine, peer] = UnixStream::pair();
    const std::vector<std::byte> much(std::size_t{4} << 20U);
    auto writer = eddy::spawn(write_task(mine, much));
    co_await settle();
    CHECK_THROWS_AS(static_cast<void>(mine.release()), InvalidState);
    const std::size_t drained = co_await drain(peer, much.size());
    CHECK(drained == much.size());
    co_await writer;
    const Raw raw(mine.release());  // it is whole again
    CHECK(is_open_descriptor(raw.get()));
}

EDDY_NET_TEST("what a reader has read ahead is not in the descriptor any more") {
    auto [mine, peer] = UnixStream::pair();
    co_await peer.write_all("line\nahead");
    std::size_t ahead = 0;
    {
        eddy::BufferedReader reader(mine);
        const auto line = co_await reader.read_line();
        CHECK(line == "line");
        ahead = reader.buffered();
    }
    CHECK(ahead == 5);
    const Raw raw(mine.release());
    char byte = 0;
    CHECK(::recv(raw.get(), &byte, 1, 0) == -1);
    CHECK(errno == EAGAIN);
}

EDDY_NET_TEST("a listener that is released listens on, and who waits there is told") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const Address local = listener.local_address();
    auto accepting = eddy::spawn(accept_task(listener));
    co_await settle();
    const int descriptor = listener.release();
    const auto error = co_await failure_of(accepting);
    CHECK(holds<ClosedResource>(error));
    CHECK_FALSE(listener.is_open());
    CHECK_THROWS_AS(co_await accept_task(listener), ClosedResource);
    const Raw early = raw_tcp_client(local);  // waits in the backlog meanwhile
    TcpListener again = TcpListener::adopt(descriptor);
    CHECK(again.local_address() == local);
    TcpStream stream = co_await again.accept();
    CHECK(::send(early.get(), "early", 5, MSG_NOSIGNAL) == 5);
    const std::string text = co_await read_text(stream);
    CHECK(text == "early");
}

EDDY_NET_TEST("a Unix listener that is released leaves its path to who has it now") {
    std::string folder = "/tmp/eddy-release-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/socket";
    {
        std::optional<UnixListener> listener(UnixListener::listen(path));
        const Raw raw(listener->release());
        CHECK(listener->local_address() == path);
        listener->close();
        listener.reset();
        CHECK(std::filesystem::is_socket(path));
        const UnixStream client = co_await eddy::connect_unix(path);
        CHECK(client.is_open());
    }
    std::filesystem::remove_all(folder);
}

}  // namespace
