// SPDX-License-Identifier: MIT
// A server that has more to say to each client than that ever takes: it reads a kilobyte now and
// then. What a connection costs here is what it has in its hands, however long it waits; and those
// who are quick are served beside them. Half of the clients use a stream with a least progress,
// which they keep.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

#include <eddy/clock.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::UnixStream;

constexpr std::size_t kilobyte = 1024;
constexpr std::size_t rounds = 40;
constexpr std::size_t bytes_each = 8 * kilobyte;  // of a connection whose writer waits, in Debug
constexpr auto longest_echo = 2s;                 // beside the slow ones, on a slow machine

/// One block, written for ever; 'e' asks for an echo instead, 't' for a limit of progress.
Task<> pour_or_echo(UnixStream stream, const std::vector<std::byte>& block) {
    std::array<std::byte, 1> word{};
    const std::size_t first = co_await stream.read_some(word);
    if (first == 0) {
        co_return;
    }
    if (static_cast<char>(word[0]) == 'e') {
        std::size_t count = 1;
        while (count != 0) {
            co_await stream.write_all(std::span<const std::byte>(word));
            count = co_await stream.read_some(word);
        }
    } else if (static_cast<char>(word[0]) == 't') {
        eddy::TimedStream timed(std::move(stream),
                                {.idle = 1h, .writing = {.bytes = 1, .per = 1h}});
        while (true) {
            co_await timed.write_all(block);
        }
    } else {
        while (true) {
            co_await stream.write_all(block);
        }
    }
}

/// The clients that leave are expected.
class Leavers final : public eddy::Observer {
public:
    void connection_lost(const eddy::JobInfo&, std::exception_ptr) override { ++lost; }
    void failure(const eddy::JobInfo&, std::exception_ptr, std::string_view) override {
        ++failures;
    }
    std::size_t lost = 0;
    std::size_t failures = 0;
};

struct Result {
    std::size_t heap_each = 0;
    std::size_t heap_growth = 0;
    long memory_growth = 0;
    std::uint64_t read = 0;
    std::size_t echoes = 0;
    eddy::Duration slowest_echo{0};
};

Task<std::size_t> read_kilobyte(UnixStream& stream) {
    std::array<std::byte, kilobyte> buffer{};
    co_return co_await stream.read_some(buffer);
}

Task<> echo_once(UnixStream& stream, Result& result) {
    std::array<std::byte, 1> word{std::byte{'e'}};
    const eddy::TimePoint begun = eddy::now();
    co_await stream.write_all(std::span<const std::byte>(word));
    const std::size_t count = co_await stream.read_some(word);
    result.echoes += count;
    result.slowest_echo = std::max(result.slowest_echo, eddy::now() - begun);
}

Task<> storm(std::size_t count, Result& result) {
    const std::string path = std::string(1, '\0') + "eddy slow readers " + std::to_string(getpid());
    const std::vector<std::byte> block(1024 * kilobyte);
    eddy::Server server({.max_connections = count + 1, .silence = eddy::ServeOptions::no_limit});
    auto listener = eddy::UnixListener::listen(path);
    auto serving = eddy::spawn(eddy::serve(server, listener, pour_or_echo, std::cref(block)));
    std::vector<UnixStream> slow;
    slow.reserve(count);
    UnixStream quick = co_await eddy::connect_unix(path);
    co_await echo_once(quick, result);
    const std::size_t before = storms::heap_in_use();
    for (std::size_t i = 0; i < count; ++i) {
        slow.push_back(co_await eddy::connect_unix(path));
        co_await slow.back().write_all(i % 2 == 0 ? "p" : "t");
    }
    std::size_t heap = 0;
    long memory = 0;
    for (std::size_t round = 0; round < rounds; ++round) {
        for (UnixStream& each : slow) {
            const std::size_t bytes = co_await read_kilobyte(each);
            result.read += bytes;
        }
        co_await echo_once(quick, result);
        if (round == rounds / 4) {
            heap = storms::heap_in_use();
            memory = storms::resident_memory();
            result.heap_each = (heap - before) / count;
        }
    }
    const std::size_t heap_now = storms::heap_in_use();
    result.heap_growth = heap_now > heap ? heap_now - heap : 0;
    result.memory_growth = storms::resident_memory() - memory;
    slow.clear();
    quick.close();
    server.drain();
    co_await serving;
}

bool slow_readers(std::size_t count) {
    const std::size_t room = storms::raise_descriptor_limit() / 2;
    if (room < count) {
        std::printf("[skipped] only %zu: the limit of descriptors is low\n", room);
        count = std::max<std::size_t>(room, 1);
    }
    Result result;
    Leavers leavers;
    eddy::run(storm(count, result), {}, {.observer = &leavers});
    std::printf(
        "%zu bytes of heap each; %zu bytes of heap, %ld KiB of memory more after all "
        "rounds; slowest echo %.1f ms\n",
        result.heap_each,
        result.heap_growth,
        result.memory_growth,
        std::chrono::duration<double, std::milli>(result.slowest_echo).count());
    bool good = storms::check(result.read == count * rounds * kilobyte, "every slow one reads");
    good &= storms::check(result.echoes == rounds + 1, "the quick one is answered");
    good &= storms::check(result.slowest_echo < longest_echo, "the quick one is answered soon");
    good &= storms::check(leavers.lost == count, "every writer is told that its reader left");
    good &= storms::check(leavers.failures == 0, "no handler fails otherwise");
    if (storms::memory_counts()) {
        good &= storms::check(result.heap_each < bytes_each, "a waiting writer is small");
        good &= storms::check(result.heap_growth < 64 * kilobyte, "the heap does not grow");
        good &= storms::check(result.memory_growth < 1024, "memory does not grow");
    }
    return good;
}

const storms::Registered registered({"slow_readers", "slow readers", 1'000, 2'000, slow_readers});

}  // namespace
