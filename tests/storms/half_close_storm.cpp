// SPDX-License-Identifier: MIT
// One direction is closed at once; the other one goes on, for as many bytes as there are.
#include <array>
#include <cstdint>
#include <vector>

#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

constexpr std::size_t mebibyte = 1024UL * 1024;

template <class S>
Task<> pour(S& stream, std::size_t mebibytes) {
    std::vector<std::byte> block(mebibyte);
    for (std::size_t i = 0; i < block.size(); ++i) {
        block[i] = static_cast<std::byte>(i / 251);
    }
    for (std::size_t i = 0; i < mebibytes; ++i) {
        co_await stream.write_all(block);
    }
    co_await stream.shutdown();
}

/// Returns how much came that was as it should be.
template <class S>
Task<std::uint64_t> drink(S& stream) {
    std::vector<std::byte> buffer(256UL * 1024);
    std::uint64_t total = 0;
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            co_return total;
        }
        for (std::size_t i = 0; i < count; i += 4093) {  // samples: Debug is slow
            if (buffer[i] != static_cast<std::byte>((total + i) % mebibyte / 251)) {
                co_return 0;
            }
        }
        total += count;
    }
}

template <class S>
Task<bool> one_way(S client, S server, std::size_t mebibytes) {
    co_await client.shutdown();
    auto pouring = eddy::spawn(pour(server, mebibytes));
    std::array<std::byte, 1> nothing{};
    const std::size_t end = co_await server.read_some(nothing);
    const std::uint64_t total = co_await drink(client);
    co_await pouring;
    const std::size_t still = co_await server.read_some(nothing);
    co_return end == 0 && still == 0 && total == mebibytes* mebibyte;
}

Task<bool> storm(std::size_t mebibytes) {
    auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    eddy::TcpStream client = co_await eddy::connect(listener.local_address());
    eddy::TcpStream server = co_await listener.accept();
    const bool tcp = co_await one_way(std::move(client), std::move(server), mebibytes);
    auto [one, other] = eddy::UnixStream::pair();
    const bool local = co_await one_way(std::move(one), std::move(other), mebibytes);
    bool good = storms::check(tcp, "a half-closed TCP stream carries all bytes the other way");
    good &= storms::check(local, "so does a Unix stream");
    co_return good;
}

bool half_close(std::size_t mebibytes) { return eddy::run(storm(mebibytes)); }

const storms::Registered registered(
    {"half_close", "mebibytes against a closed direction", 64, 1'024, half_close});

}  // namespace
