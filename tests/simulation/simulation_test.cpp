// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>

#include "chat_room.hpp"
#include "heap_hooks.hpp"
#include "item_ledger.hpp"
#include "lossy_stream.hpp"
#include "resp_server/session.hpp"
#include "room_log.hpp"
#include "witnessed_stream.hpp"
#include "world.hpp"

namespace {

using eddy::Task;
using eddy::testing::MemoryStream;
using simulation::simulate;
using simulation::WorldOptions;
using simulation::WorldReport;

/// Less than the program simulates.
WorldOptions small_world() {
    WorldOptions options;
    const char* seed = std::getenv("EDDY_SEED");
    options.seed = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
    options.clients = 24;
    return options;
}

/// Enough for a mistake to be found.
WorldOptions smaller_world() {
    WorldOptions options = small_world();
    options.clients = 12;
    return options;
}

void say_what_was_found(const WorldOptions& options, const WorldReport& report) {
    for (const std::string& finding : report.findings) {
        FAIL_CHECK(finding << "; again: EDDY_SEED=" << options.seed);
    }
}

bool found(const WorldReport& report, std::string_view what) {
    for (const std::string& finding : report.findings) {
        if (finding.find(what) != std::string::npos) {
            return true;
        }
    }
    return false;
}

// --- mistakes ----------------------------------------------------------------------------------

Task<> echo_back(MemoryStream& stream) {
    std::array<std::byte, 256> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

Task<> forgotten() { co_await eddy::sleep_forever(); }

/// Forgets a job with each connection that breaks.
Task<> leaks_a_job(MemoryStream stream, eddy::Server&) {
    bool broken = false;
    try {
        co_await echo_back(stream);
    } catch (const std::exception&) {
        broken = true;
    }
    if (broken) {
        eddy::spawn(forgotten()).detach();
    }
}

/// Loses a byte of what comes in more than one piece.
Task<> loses_a_byte(MemoryStream stream, eddy::Server&) {
    std::array<std::byte, 256> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        const std::size_t kept = length == buffer.size() ? length - 1 : length;
        co_await stream.write_all(std::span<const std::byte>(buffer).first(kept));
    }
}

/// Does not let itself be ended.
Task<> outlasts_its_drain(MemoryStream stream, eddy::Server&) {
    co_await eddy::shield(echo_back(stream));
}

std::vector<std::vector<std::byte>>& kept() {
    static std::vector<std::vector<std::byte>> blocks;
    return blocks;
}

/// Keeps some memory of each connection.
Task<> keeps_memory(MemoryStream stream, eddy::Server&) {
    kept().emplace_back(4096);
    co_await echo_back(stream);
}

Task<> loses_a_line(MemoryStream stream, chat_room::Room& room, eddy::Server& server) {
    return chat_room::chat(simulation::LossyStream(std::move(stream)), room, server);
}

/// Puts nil in the place of some of the first items that are popped: for those that lose one, that
/// is too early, and only so many findings are kept.
class NilStream final {
public:
    NilStream(MemoryStream inner, unsigned& pops) : inner_(std::move(inner)), pops_(&pops) {}
    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto wait_hang_up() { return inner_.wait_hang_up(); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::byte> bytes) {
        constexpr std::string_view nil = "*-1\r\n";
        const bool swaps = bytes.front() == std::byte{'*'} && ++*pops_ < 50 && *pops_ % 4 == 0;
        return inner_.write_all(swaps ? std::as_bytes(std::span(nil)) : bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    [[nodiscard]] auto write_all(std::string_view text) {
        return write_all(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }
    void close_reset() { inner_.close_reset(); }

private:
    MemoryStream inner_;
    unsigned* pops_;
};

/// Says of every write of a popped item that it has failed, although it was done.
class LyingStream final {
public:
    explicit LyingStream(simulation::WitnessedStream<MemoryStream> inner)
        : inner_(std::move(inner)) {}
    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto wait_hang_up() { return inner_.wait_hang_up(); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::byte> bytes) {
        return inner_.write_all(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    [[nodiscard]] auto write_all(std::string_view text) {
        return eddy::then([this, text] { return inner_.write_all(text); },
                          [] { throw eddy::BrokenResource("a lie"); });
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    simulation::WitnessedStream<MemoryStream> inner_;
};

Task<> gives_twice(MemoryStream stream,
                   simulation::ItemLedger& ledger,
                   resp::Service& service,
                   eddy::Server& server) {
    return resp::serve_client(
        LyingStream(simulation::WitnessedStream<MemoryStream>(std::move(stream), ledger)),
        service,
        server);
}

Task<> fill(simulation::RoomLog& log, std::vector<std::string> lines) {
    auto [room, listener] = eddy::testing::memory_stream_pair();
    auto listening = eddy::spawn(log.run(std::move(listener)));
    for (const std::string& line : lines) {
        co_await room.write_all(std::string_view(line));
        co_await room.write_all(std::string_view("\n"));
    }
    room.close();
    co_await listening;
}

}  // namespace

TEST_CASE("the services of the samples get through an hour of clients on bad wires") {
    const WorldOptions options = small_world();
    const WorldReport report = simulate(options);
    say_what_was_found(options, report);
    CHECK(report.sessions > 500);
    CHECK(report.echoed > 0);
    CHECK(report.lines_seen > 0);
    CHECK(report.pops > 0);
    CHECK(report.lost_items < report.items / 4);
    CHECK(report.drains >= 3);
    CHECK(report.errors > 0);    // the wires were bad
    CHECK(report.failures > 0);  // and handlers felt it
    MESSAGE(report.sessions << " sessions, " << report.events << " events, trace " << report.hash);
}

TEST_CASE("the same seed is the same hour, another one is another") {
    WorldOptions options = smaller_world();
    const WorldReport one = simulate(options);
    const WorldReport same = simulate(options);
    CHECK(one.hash == same.hash);
    CHECK(one.events == same.events);
    CHECK(one.bytes == same.bytes);
    ++options.seed;
    const WorldReport other = simulate(options);
    CHECK(one.hash != other.hash);
}

TEST_CASE("a service that leaks a job with each broken connection is found") {
    WorldOptions options = smaller_world();
    options.hours = 2;  // the first hour says how many there are
    options.echo = leaks_a_job;
    CHECK(found(simulate(options), "jobs are left of an hour"));
}

TEST_CASE("an echo that loses a byte of a piece is found") {
    WorldOptions options = smaller_world();
    options.echo = loses_a_byte;
    CHECK(found(simulate(options), "other bytes than it has sent"));
}

TEST_CASE("a service that outlasts its drain is found") {
    WorldOptions options = smaller_world();
    options.echo = outlasts_its_drain;
    CHECK(found(simulate(options), "a handler was left alone"));
}

TEST_CASE("a room that loses a line for one of its members is found") {
    WorldOptions options = smaller_world();
    options.chat = loses_a_line;
    CHECK(found(simulate(options), "has not seen what was said"));
}

TEST_CASE("an item that is lost on its way to a client that lives is found") {
    WorldOptions options = smaller_world();
    unsigned pops = 0;
    options.resp = [&pops](auto stream, auto& ledger, auto& service, auto& server) {
        return resp::serve_client(
            simulation::WitnessedStream(NilStream(std::move(stream), pops), ledger),
            service,
            server);
    };
    CHECK(found(simulate(options), "has not come on a connection that lived"));
}

TEST_CASE("an item that is given to two clients is found") {
    WorldOptions options = smaller_world();
    options.resp = gives_twice;
    CHECK(found(simulate(options), "an item was written twice"));
}

TEST_CASE("the log of a room knows a piece that begins like another one") {
    simulation::RoomLog log;
    eddy::run(fill(log, {"here", "left", "here", "x", "y"}));
    CHECK(log.contains(0, {"here\n", "x\n"}));
    CHECK(log.contains(2, {"here\n", "x\n", "y\n"}));
    CHECK(log.contains(5, {}));
    CHECK_FALSE(log.contains(3, {"here\n", "x\n"}));
    CHECK_FALSE(log.contains(0, {"here\n", "y\n"}));
    CHECK_FALSE(log.contains(0, {"y\n", "z\n"}));
}

#if EDDY_HEAP_HOOKS

TEST_CASE("a service whose memory grows from hour to hour is found") {
    WorldOptions options = smaller_world();
    options.clients = 4;
    options.hours = 8;
    options.echo = keeps_memory;
    CHECK(found(simulate(options), "memory grows from hour to hour"));
    kept().clear();
    options.echo = nullptr;
    CHECK_FALSE(found(simulate(options), "memory grows from hour to hour"));
}

#endif
