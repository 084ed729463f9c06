// SPDX-License-Identifier: MIT
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/unix.hpp>
#include <eddy/os/descriptor.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>

#include "../os/descriptor_kit.hpp"
#include "child_process.hpp"
#include "net_kit.hpp"
#include "strangers.hpp"

// A child lets go of what its parent's jobs wait in: none of them runs there, and in the parent
// they wait on.

#ifndef EDDY_NO_FORK

namespace {

using namespace eddy::testing;
using eddy::Descriptor;
using eddy::Task;
using eddy::TcpListener;
using eddy::UnixListener;
using eddy::UnixStream;

Task<> read_one(UnixStream& from) {
    std::byte byte{};
    static_cast<void>(co_await from.read_some(std::span(&byte, 1)));
}
Task<> wait_peer(UnixStream& of) { co_await of.wait_hang_up(); }

EDDY_NET_TEST("the waits of a Descriptor that a child closes are its parent's") {
    for (const bool adopts : {false, true}) {
        RawPipe pipe;
        Strangers strangers;
        std::optional<Descriptor> watched(watch(pipe.reader, adopts));
        auto reading = eddy::spawn(noted(strangers, wait_readable(*watched)));
        auto leaving = eddy::spawn(noted(strangers, wait_hang_up(*watched)));
        co_await settle();
        in_children(strangers, [&] { watched->close(); });
        in_children(strangers, [&] { watched.reset(); });
        pipe.write("x");
        co_await reading;
        CHECK_FALSE(leaving.done());
        pipe.close_writer();
        co_await leaving;
    }
}

EDDY_NET_TEST("a child that closes one of two in a select leaves the other one watched") {
    RawPipe pipe;
    RawPipe second;
    Strangers strangers;
    Descriptor kept = Descriptor::borrow(pipe.reader.get());
    std::optional<Descriptor> closed(Descriptor::borrow(second.reader.get()));
    const auto either = [](Descriptor& one, Descriptor& other) -> Task<> {
        const auto which =
            co_await eddy::select(one.readable(), other.readable(), eddy::sleep_forever());
        CHECK(which.index() == 0);
    };
    auto waiting = eddy::spawn(noted(strangers, either(kept, *closed)));
    co_await settle();
    in_children(strangers, [&] { closed.reset(); });
    CHECK(is_in_an_epoll_set(pipe.reader.get()));
    pipe.write("x");
    co_await waiting;
}

EDDY_NET_TEST("the waits of a stream that a child closes are its parent's") {
    auto [stream, peer] = UnixStream::pair();
    std::optional<UnixStream> mine(std::move(stream));
    Strangers strangers;
    const std::vector<std::byte> much(1024UL * 1024);
    auto reading = eddy::spawn(noted(strangers, read_one(*mine)));
    auto writing = eddy::spawn(noted(strangers, write_task(*mine, much)));
    auto leaving = eddy::spawn(noted(strangers, wait_peer(*mine)));
    co_await settle();
    CHECK(mine->statistics().writing);
    in_children(strangers, [&] { mine->close(); });
    in_children(strangers, [&] { mine->close_reset(); });
    in_children(strangers, [&] { mine.reset(); });
    co_await peer.write_all("x");
    co_await reading;
    const std::string text = co_await read_all(peer, much.size());
    CHECK(text.size() == much.size());
    co_await writing;
    CHECK_FALSE(leaving.done());
    peer.close();
    co_await leaving;
}

EDDY_NET_TEST("the waits of halves that a child closes are its parent's") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, writer] = std::move(pair.client).split();
    Strangers strangers;
    const std::vector<std::byte> much(8 * 1024UL * 1024);
    const auto read = [](eddy::ReadHalf& from) -> Task<> {
        std::byte byte{};
        static_cast<void>(co_await from.read_some(std::span(&byte, 1)));
    };
    auto reading = eddy::spawn(noted(strangers, read(reader)));
    auto writing = eddy::spawn(noted(strangers, write_task(writer, much)));
    co_await settle();
    in_children(strangers, [&] { reader.close(); });
    in_children(strangers, [&] { writer.close(); });
    in_children(strangers, [&] {
        writer.close();
        reader.close();
    });
    co_await pair.server.write_all("x");
    co_await reading;
    const std::string text = co_await read_all(pair.server, much.size());
    CHECK(text.size() == much.size());
    co_await writing;
}

EDDY_NET_TEST("the accepts of a listener that a child closes are its parent's") {
    Strangers strangers;
    std::optional<TcpListener> listener(TcpListener::listen(eddy::Address::loopback(0)));
    const eddy::Address address = listener->local_address();
    auto first = eddy::spawn(noted(strangers, accept_task(*listener)));
    auto second = eddy::spawn(noted(strangers, accept_task(*listener)));
    co_await settle();
    in_children(strangers, [&] { listener->close(); });
    in_children(strangers, [&] { listener.reset(); });
    CHECK(listener->statistics().waiters == 2);
    const eddy::TcpStream one = co_await eddy::connect(address);
    const eddy::TcpStream other = co_await eddy::connect(address);
    co_await first;
    co_await second;
}

}  // namespace

#endif
