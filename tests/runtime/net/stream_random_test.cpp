// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

// Random writes at one end, random reads at the other, with waits that are given up in between:
// what arrives is what was sent, byte for byte.

namespace {

using namespace eddy::testing;
using namespace std::chrono_literals;
using eddy::Task;
using Random = std::mt19937;

/// The byte at a place of the stream.
std::byte pattern(std::uint64_t place) {
    return static_cast<std::byte>((place * 2654435761U) >> 13U);
}

std::size_t up_to(Random& random, std::size_t limit) { return random() % (limit + 1); }

std::vector<std::byte> piece(std::uint64_t from, std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = pattern(from + i);
    }
    return bytes;
}

template <class S>
Task<> write_randomly(S& stream, Random random, std::uint64_t total) {
    std::uint64_t sent = 0;
    while (sent < total) {
        const std::size_t size = std::min<std::uint64_t>(up_to(random, 300'000), total - sent);
        const std::vector<std::byte> bytes = piece(sent, size);
        const std::span<const std::byte> all(bytes);
        switch (random() % 4) {
            case 0:
                sent += co_await stream.write_some(all);
                break;
            case 1:
                co_await stream.write_all(all);
                sent += size;
                break;
            case 2: {
                std::vector<std::span<const std::byte>> parts;
                for (std::size_t at = 0; at < size;) {
                    const std::size_t length = std::min(up_to(random, 40'000), size - at);
                    parts.push_back(all.subspan(at, length));
                    at += length;
                }
                co_await stream.write_all(parts);
                sent += size;
                break;
            }
            default: {  // only if there is room at once
                Gate open;
                open.open();
                const auto first = co_await eddy::select(stream.write_some(all), open.wait());
                if (first.index() == 0) {
                    sent += std::get<0>(first);
                }
            }
        }
    }
    co_await stream.shutdown();
}

template <class S>
Task<std::uint64_t> read_randomly(S& stream, Random random) {
    std::uint64_t received = 0;
    while (true) {
        std::vector<std::byte> buffer(1 + up_to(random, random() % 2 == 0 ? 100 : 200'000));
        std::size_t count = 0;
        if (random() % 3 == 0) {
            Gate open;
            open.open();
            const auto first = co_await eddy::select(stream.read_some(buffer), open.wait());
            if (first.index() != 0) {
                co_await settle();  // lets data come while nobody reads
                continue;
            }
            count = std::get<0>(first);
        } else {
            count = co_await stream.read_some(buffer);
        }
        if (count == 0) {
            co_return received;
        }
        bool good = true;
        for (std::size_t i = 0; i < count; ++i) {
            good = good && buffer[i] == pattern(received + i);
        }
        CHECK(good);
        received += count;
    }
}

template <class A, class B>
Task<> both_ways(A& one, B& other, unsigned seed) {
    constexpr std::uint64_t total = 2U << 20U;
    auto there = eddy::spawn(write_randomly(one, Random(seed), total));
    auto back = eddy::spawn(write_randomly(other, Random(seed + 1), total));
    auto from_there = eddy::spawn(read_randomly(other, Random(seed + 2)));
    auto from_back = eddy::spawn(read_randomly(one, Random(seed + 3)));
    const std::uint64_t first = co_await from_there;
    const std::uint64_t second = co_await from_back;
    CHECK(first == total);
    CHECK(second == total);
    co_await there;
    co_await back;
}

EDDY_NET_TEST("whatever is written, read and given up, TCP streams carry every byte in order") {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        TcpPair pair = co_await tcp_pair();
        co_await both_ways(pair.client, pair.server, seed * 100);
    }
}

EDDY_NET_TEST("whatever is written, read and given up, Unix streams carry every byte in order") {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        auto [one, other] = eddy::UnixStream::pair();
        co_await both_ways(one, other, seed * 100);
    }
}

EDDY_NET_TEST("whatever is written, read and given up, any_stream carries every byte in order") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        auto [one, other] = eddy::UnixStream::pair();
        eddy::AnyStream near(std::move(one));
        eddy::AnyStream far(std::move(other));
        co_await both_ways(near, far, seed * 100);
    }
}

EDDY_NET_TEST("whatever is written, read and given up, timed streams carry every byte in order") {
    for (unsigned seed = 1; seed <= 2; ++seed) {
        auto [one, other] = eddy::UnixStream::pair();
        eddy::TimedStream near(std::move(one), {.idle = 1h});
        eddy::AnyStream far(eddy::TimedStream(std::move(other), {.idle = 1h}));
        co_await both_ways(near, far, seed * 100);
    }
}

}  // namespace
