// SPDX-License-Identifier: MIT
#include <eddy/testing/faulty_wire.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::faulty_wire;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::WireFaults;
using eddy::testing::WireReport;
using eddy::testing::stream_contract::read_all;
using eddy::testing::stream_contract::read_text;

/// client <-> wire <-> server.
struct Line {
    explicit Line(const WireFaults& faults, std::optional<std::uint64_t> seed = std::nullopt) {
        auto [left, near] = memory_stream_pair({.capacity = 64, .seed = seed});
        auto [far, right] = memory_stream_pair({.capacity = 64, .seed = seed});
        client = std::move(left);
        server = std::move(right);
        wire = eddy::spawn(faulty_wire(std::move(near), std::move(far), faults, report));
    }
    WireReport report;  // before the wire: it refers to this
    MemoryStream client = memory_stream_pair().first;
    MemoryStream server = memory_stream_pair().first;
    eddy::JoinHandle<void> wire;
};

std::string some_text(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + i * i % 26);
    }
    return text;
}

Task<> writes_and_ends(MemoryStream& stream, std::string text) {
    co_await stream.write_all(text);
    co_await stream.shutdown();
}

/// Reads until the end or a break; true if it was an end.
Task<bool> ends_well(MemoryStream& stream, std::string& got) {
    std::array<std::byte, 16> buffer{};
    bool well = true;
    try {
        while (true) {
            const std::size_t length = co_await stream.read_some(buffer);
            if (length == 0) {
                break;
            }
            got.append(reinterpret_cast<const char*>(buffer.data()), length);
        }
    } catch (const eddy::BrokenResource&) {
        well = false;
    }
    co_return well;
}

}  // namespace

EDDY_TEST_CASE("a wire without faults carries everything in no time, and ends with both sides") {
    Line line(WireFaults{});
    const std::string text = some_text(1000);
    auto writer = eddy::spawn(writes_and_ends(line.client, text));
    const std::string got = co_await read_all(line.server);
    CHECK(got == text);
    co_await writer;
    co_await writes_and_ends(line.server, "bye");
    const std::string answer = co_await read_all(line.client);
    CHECK(answer == "bye");
    co_await line.wire;
    CHECK(eddy::now() == eddy::TimePoint());
    CHECK(line.report.there == 1000);
    CHECK(line.report.back == 3);
    CHECK(line.report.over);
    CHECK_FALSE(line.report.reset);
}

EDDY_TEST_CASE("a delay is that of each piece, and ends take none") {
    Line line({.delay = 50ms, .piece = 10});
    co_await line.client.write_all(some_text(25));
    const std::string got = co_await read_text(line.server, 25);
    CHECK(got == some_text(25));
    CHECK(eddy::now() == eddy::TimePoint(150ms));
    line.client.close();
    line.server.close();
    co_await line.wire;
    CHECK(eddy::now() == eddy::TimePoint(150ms));
}

EDDY_TEST_CASE("so many bytes a second are that many") {
    Line line({.piece = 5, .bytes_per_second = 10});
    co_await line.client.write_all(some_text(20));
    const std::string got = co_await read_text(line.server, 20);
    CHECK(got.size() == 20);
    CHECK(eddy::now() == eddy::TimePoint(2s));
    line.client.close();
    line.server.close();
    co_await line.wire;
}

EDDY_TEST_CASE_FIFO("a wire that splits and jitters loses nothing, and is the same for its seed") {
    eddy::TimePoint first{};
    for (int round = 0; round < 2; ++round) {
        const eddy::TimePoint begun = eddy::now();
        Line line({.seed = 9, .jitter = 10ms, .piece = 20, .split = true});
        auto writer = eddy::spawn(writes_and_ends(line.client, some_text(500)));
        const std::string got = co_await read_all(line.server);
        CHECK(got == some_text(500));
        co_await writer;
        line.server.close();
        co_await line.wire;
        const eddy::TimePoint took(eddy::now() - begun);
        CHECK((round == 0 || took == first));
        CHECK(took > eddy::TimePoint());
        first = took;
    }
}

// EDDY_IO_SEEDS=10000 as many seeds as that.
EDDY_TEST_CASE_FIFO("bytes that travel in ones, twos and threes arrive as they were sent") {
    const char* count = std::getenv("EDDY_IO_SEEDS");
    const std::uint64_t seeds = count != nullptr ? std::strtoull(count, nullptr, 10) : 100;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Line line({.seed = seed, .jitter = 1ms, .piece = 3, .split = true}, seed);
        auto there = eddy::spawn(writes_and_ends(line.client, some_text(200)));
        auto back = eddy::spawn(writes_and_ends(line.server, some_text(150)));
        const std::string at_server = co_await read_all(line.server);
        const std::string at_client = co_await read_all(line.client);
        CHECK(at_server == some_text(200));
        CHECK(at_client == some_text(150));
        co_await there;
        co_await back;
        co_await line.wire;
    }
}

EDDY_TEST_CASE("a reset comes after exactly so many bytes, and both sides see it") {
    for (std::uint64_t after = 0; after <= 40; after += 8) {
        Line line({.piece = 16, .reset_after = after});
        auto writer = eddy::spawn(writes_and_ends(line.client, some_text(40)));
        std::string got;
        const bool well = co_await ends_well(line.server, got);
        CHECK_FALSE(well);
        CHECK(line.report.there == after);
        CHECK(some_text(40).starts_with(got));
        co_await line.wire;
        CHECK(line.report.reset);
        CHECK(line.report.over);
        std::string none;
        const bool client_well = co_await ends_well(line.client, none);
        CHECK_FALSE(client_well);
        try {
            co_await writer;  // it may have ended before
        } catch (const std::exception&) {
        }
    }
}

EDDY_TEST_CASE("a stall lets nothing through for its time, not even an end, and then goes on") {
    Line line({.piece = 10, .stall_after = 15, .stall_for = 1min});
    auto writer = eddy::spawn(writes_and_ends(line.client, some_text(30)));
    const std::string before = co_await read_text(line.server, 10);
    CHECK(before == some_text(30).substr(0, 10));
    CHECK(eddy::now() == eddy::TimePoint());
    co_await writer;
    const std::string rest = co_await read_all(line.server);
    CHECK(before + rest == some_text(30));
    CHECK(eddy::now() == eddy::TimePoint(1min));
    CHECK(line.report.stalled);
    line.server.close();
    co_await line.wire;
}

Task<> hears_nothing(Line& line, MemoryStream& gone, MemoryStream& other) {
    co_await line.client.write_all(std::string_view("hello"));
    co_await eddy::testing::settle();  // the wire has taken it
    gone.close_reset();
    const auto reads = [](MemoryStream& stream) -> Task<> {
        std::array<std::byte, 16> buffer{};
        static_cast<void>(co_await stream.read_some(buffer));
    };
    const bool heard = co_await eddy::move_on_after(24h, reads(other));
    CHECK_FALSE(heard);
    line.wire.cancel();
    try {
        co_await line.wire;
    } catch (const eddy::JobCancelled&) {
    }
    CHECK(line.report.over);
}

EDDY_TEST_CASE("a half-open peer says nothing, and cannot be told from one that thinks") {
    Line line({.stall_after = 1});
    co_await hears_nothing(line, line.client, line.server);
}

EDDY_TEST_CASE("nor does one whose peer has gone") {
    Line line({.stall_after = 1});
    co_await hears_nothing(line, line.server, line.client);
}

EDDY_TEST_CASE("a reset that a stall held up comes when it is over") {
    Line line({.stall_after = 1, .stall_for = 1min});
    co_await line.client.write_all(std::string_view("hello"));
    co_await eddy::testing::settle();
    line.server.close_reset();
    const eddy::TimePoint before = eddy::now();
    std::string none;
    const bool well = co_await ends_well(line.client, none);
    CHECK_FALSE(well);
    CHECK(eddy::now() - before == 1min);
    co_await line.wire;
}

EDDY_TEST_CASE("when a side breaks, the other one sees a reset") {
    Line line(WireFaults{});
    co_await line.client.write_all(std::string_view("hello"));
    const std::string got = co_await read_text(line.server, 5);
    CHECK(got == "hello");
    line.client.close_reset();
    std::string none;
    const bool well = co_await ends_well(line.server, none);
    CHECK_FALSE(well);
    co_await line.wire;
    CHECK_FALSE(line.report.reset);  // not its doing
}

EDDY_TEST_CASE("pieces of nothing are refused") {
    auto [one, other] = memory_stream_pair();
    WireReport report;
    bool refused = false;
    auto wire = faulty_wire(std::move(one), std::move(other), WireFaults{.piece = 0}, report);
    try {
        co_await std::move(wire);
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_TEST_CASE("a wire is a proxy that misbehaves for real sockets, too") {
    eddy::TcpListener outside = eddy::TcpListener::listen(eddy::Address::loopback(0));
    eddy::TcpListener inside = eddy::TcpListener::listen(eddy::Address::loopback(0));
    eddy::TcpStream client = co_await eddy::connect(outside.local_address());
    eddy::TcpStream near = co_await outside.accept();
    eddy::TcpStream far = co_await eddy::connect(inside.local_address());
    eddy::TcpStream server = co_await inside.accept();
    WireReport report;
    const WireFaults faults{.piece = 7, .split = true, .reset_after = 100};
    auto wire = eddy::spawn(faulty_wire(std::move(near), std::move(far), faults, report));
    const std::string text = some_text(1000);
    co_await client.write_all(std::string_view(text));
    std::array<std::byte, 64> buffer{};
    std::string got;
    bool broken = false;
    try {
        while (true) {
            const std::size_t length = co_await server.read_some(buffer);
            if (length == 0) {
                break;
            }
            got.append(reinterpret_cast<const char*>(buffer.data()), length);
        }
    } catch (const eddy::IoError&) {
        broken = true;
    } catch (const eddy::BrokenResource&) {
        broken = true;
    }
    CHECK(broken);
    CHECK(text.starts_with(got));
    CHECK(report.there == 100);
    co_await wire;
}

TEST_CASE("a wire cancelled at any checkpoint leaves nothing behind") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [client, near] = memory_stream_pair({.capacity = 8});
        auto [far, server] = memory_stream_pair({.capacity = 8});
        WireReport report;
        const auto body = [&](eddy::TaskGroup& group) -> Task<> {
            const WireFaults faults{.delay = 1ms, .piece = 4};
            group.spawn(faulty_wire(std::move(near), std::move(far), faults, report));
            group.spawn(writes_and_ends(client, some_text(12)));
            const std::string got = co_await read_all(server);
            CHECK(got == some_text(12));
            server.close();
        };
        co_await eddy::with_task_group(body);
        CHECK(report.over);
    });
    CHECK(count > 10);
}
