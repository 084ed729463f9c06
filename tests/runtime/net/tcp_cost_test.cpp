// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <eddy/net/tcp.hpp>

#include "../test_kit.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "uv_inventory.hpp"

// What sockets cost: allocations, memory, handles.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

/// Returns the allocations of all rounds but the first.
Task<std::size_t> exchange(TcpStream& client, TcpStream& server, int rounds) {
    std::array<std::byte, 64> message{};
    std::array<std::byte, 4096> buffer{};
    std::size_t before = 0;
    for (int i = 0; i < rounds; ++i) {
        if (i == 1) {
            before = heap_counters().allocations;
        }
        co_await client.write_all(message);
        const std::size_t there = co_await server.read_some(buffer);
        co_await server.write_all(std::span<const std::byte>(buffer).first(there));
        static_cast<void>(co_await client.read_some(buffer));
    }
    co_return heap_counters().allocations - before;
}

EDDY_NET_TEST_FIFO("a message costs no allocation") {
    TcpPair pair = co_await tcp_pair();
    const std::size_t allocations = co_await exchange(pair.client, pair.server, 1000);
    CHECK(allocations == 0);
}

EDDY_NET_TEST_FIFO("a message in parts, and a wait for room, cost no allocation") {
    TcpPair pair = co_await tcp_pair();
    const std::vector<std::byte> block(4U << 20U);
    const std::array<std::span<const std::byte>, 3> parts{block, block, block};
    std::vector<std::byte> buffer(65536);
    for (int round = 0; round < 2; ++round) {
        const std::size_t before = heap_counters().allocations;
        auto writer = eddy::spawn([](TcpStream& stream, auto& all) -> Task<> {
            co_await stream.write_all(all);
        }(pair.client, parts));
        for (std::size_t left = 3 * block.size(); left != 0;) {
            left -= co_await pair.server.read_some(buffer);
        }
        co_await writer;
        if (round != 0 && EDDY_FRAME_POOL) {
            CHECK(heap_counters().allocations == before);
        }
    }
}

EDDY_NET_TEST("streams, listeners and cancelled waits leave no handle behind") {
    const std::size_t before = open_handles();
    for (int i = 0; i < 10; ++i) {
        TcpPair pair = co_await tcp_pair();
        CHECK(open_handles() >= before + 2);
        co_await pair.client.write_all("x");
        const std::string text = co_await read_text(pair.server);
        CHECK(text == "x");
    }
    co_await settle();
    co_await let_run();
    CHECK(open_handles() == before);
}

long resident_kib() {
    long pages = 0;
    long resident = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    const int found = std::fscanf(file, "%ld %ld", &pages, &resident);
    std::fclose(file);
    return found == 2 ? resident * 4 : -1;
}

constexpr std::size_t volume = 1U << 30U;

Task<> pour(TcpStream& stream, std::size_t total) {
    const std::vector<std::byte> block(1U << 20U);
    for (std::size_t sent = 0; sent < total; sent += block.size()) {
        co_await stream.write_all(block);
    }
    co_await stream.shutdown();
}

struct Sipped {
    std::size_t total = 0;
    std::size_t pauses = 0;
    std::size_t stopped = 0;  // pauses in which the writer stood at the wall
    long growth = 0;          // of the resident memory, KiB
};

/// Reads a mebibyte, rests until the writer can do no more, reads on.
Task<Sipped> sip(TcpStream& stream, const TcpStream& writer) {
    Sipped result;
    std::vector<std::byte> buffer(65536);
    long begin = 0;
    while (true) {
        const std::size_t count = co_await stream.read_some(buffer);
        if (count == 0) {
            break;
        }
        result.total += count;
        if (result.total % (1U << 20U) < count) {
            co_await settle();
            ++result.pauses;
            result.stopped += writer.statistics().writing ? 1U : 0U;
            const long now = resident_kib();
            begin = begin == 0 ? now : begin;
            result.growth = std::max(result.growth, now - begin);
        }
    }
    co_return result;
}

EDDY_NET_TEST_FIFO("a fast writer and a slow reader move any volume in bounded memory") {
    TcpPair pair = co_await tcp_pair();
    auto writer = eddy::spawn(pour(pair.client, volume));
    const Sipped sipped = co_await sip(pair.server, pair.client);
    CHECK(sipped.total == volume);
    co_await writer;
    CHECK(sipped.pauses >= volume / (2U << 20U));
    CHECK(sipped.stopped > sipped.pauses * 9 / 10);  // all but the last few, of what is buffered
    CHECK(sipped.growth < 8 * 1024);
}

}  // namespace
