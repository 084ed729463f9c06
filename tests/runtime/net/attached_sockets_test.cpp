// SPDX-License-Identifier: MIT
#include <array>
#include <memory>
#include <optional>
#include <string>

#include <uv.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/tcp.hpp>

#include "../attach_host.hpp"
#include "../test_kit.hpp"
#include "net_kit.hpp"

// Sockets on a loop that somebody else runs.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::Loop;
using eddy::Task;
using eddy::TcpStream;

std::size_t handles_in(Host& host) {
    std::size_t count = 0;
    uv_walk(
        host.loop(),
        [](uv_handle_t*, void* counter) { ++*static_cast<std::size_t*>(counter); },
        &count);
    return count;
}

Task<> talk(std::optional<TcpPair>& kept, std::string& heard) {
    kept.emplace(co_await tcp_pair());
    co_await kept->client.write_all("hello");
    heard = co_await read_text(kept->server);
}

Task<> wait_for_ever(TcpStream& stream) {
    std::array<std::byte, 8> buffer{};
    static_cast<void>(co_await stream.read_some(buffer));
}

Task<> talk_then_wait(std::optional<TcpPair>& kept, std::string& heard, bool& waiting) {
    co_await talk(kept, heard);
    waiting = true;
    co_await wait_for_ever(kept->server);
}

TEST_CASE("sockets work on a host's loop, and on_done finds none of them in it") {
    const std::size_t fds = [] {
        const Host warm;
        return open_fds();
    }();
    {
        Host host;
        std::optional<TcpPair> kept;
        std::string heard;
        bool waiting = false;
        std::optional<std::size_t> left;
        std::unique_ptr<Loop> loop = Loop::attach(host.loop());
        loop->spawn(talk_then_wait(kept, heard, waiting)).detach();
        HostTimer timer(host, 50, [&] {
            CHECK(waiting);
            loop->detach([&] { left = handles_in(host); }, std::chrono::seconds(1));
        });
        host.run();
        CHECK(heard == "hello");
        REQUIRE(kept);
        CHECK_FALSE(kept->client.is_open());  // closed by the end of the loop
        REQUIRE(left);
        CHECK(*left <= 1);  // the host's timer, which may still be closing
        kept.reset();
        loop.reset();
        CHECK(host.close() == 0);
    }
    CHECK(open_fds() <= fds + 1);
}

TEST_CASE("a socket keeps a host's loop running only if the loop was attached so") {
    Host host;
    std::optional<TcpPair> kept;
    std::string heard;
    std::unique_ptr<Loop> loop = Loop::attach(host.loop(), {.keep_alive = false});
    loop->spawn(talk(kept, heard)).detach();
    HostTimer timer(host, 50, [] {});
    host.run();  // returns although two streams are open and armed
    CHECK(heard == "hello");
    CHECK(kept->client.is_open());
    loop->detach({}, std::chrono::seconds(1));
    host.run();
    kept.reset();
    loop.reset();
    CHECK(host.close() == 0);
}

TEST_CASE("on_done comes after a lookup that nobody waits for any more") {
    Host host;
    bool done = false;
    std::unique_ptr<Loop> loop = Loop::attach(host.loop());
    loop->spawn(eddy::resolve("localhost", 80)).detach();
    HostTimer timer(host, 1, [&] { loop->detach([&] { done = true; }, std::chrono::seconds(1)); });
    host.run();
    CHECK(done);
    loop.reset();
    CHECK(host.close() == 0);
}

}  // namespace
