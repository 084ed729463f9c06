// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/spawn.hpp>
#include <eddy/yield.hpp>

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

/// A descriptor that the host watches itself, until it can be read once.
struct HostPoll {
    uv_poll_t handle{};
    std::string heard;
    std::function<void()> then;

    int watch(Host& host, int descriptor) {
        handle.data = this;
        const int error = uv_poll_init(host.loop(), &handle, descriptor);
        return error != 0 ? error : uv_poll_start(&handle, UV_READABLE, &HostPoll::readable);
    }

private:
    static void readable(uv_poll_t* handle, int, int) {
        auto& self = *static_cast<HostPoll*>(handle->data);
        int descriptor = -1;
        uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &descriptor);
        char buffer[64];
        const ssize_t count = ::recv(descriptor, buffer, sizeof buffer, 0);
        self.heard.assign(buffer, count > 0 ? static_cast<std::size_t>(count) : 0);
        uv_close(reinterpret_cast<uv_handle_t*>(handle), nullptr);
        self.then();
    }
};

TEST_CASE("what a guest releases, its host watches in the same turn") {
    Host host;
    HostPoll poll;
    int descriptor = -1;
    int error = -1;
    bool told = false;
    const auto release = [&]() -> Task<> {
        TcpPair pair = co_await tcp_pair();
        auto reader = eddy::spawn(wait_for_ever(pair.server));
        co_await eddy::yield();
        CHECK(pair.server.statistics().reading);
        descriptor = pair.server.release();
        error = poll.watch(host, descriptor);
        if (error != 0) {
            poll.then();  // nobody else would
        }
        const auto reading = co_await failure_of(reader);
        told = holds<eddy::ClosedResource>(reading);
        co_await pair.client.write_all("to the host");
    };
    std::unique_ptr<Loop> loop = Loop::attach(host.loop());
    loop->spawn(release()).detach();
    poll.then = [&] { loop->detach({}, std::chrono::seconds(1)); };
    host.run();
    CHECK(error == 0);
    CHECK(told);
    CHECK(poll.heard == "to the host");
    loop.reset();
    ::close(descriptor);
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
