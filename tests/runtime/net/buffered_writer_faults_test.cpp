// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/faulty_wire.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// How many system calls a writer makes, and what becomes of it when they fail; and a seeded storm
// of jobs, cancellations and bad wires.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BufferedWriter;
using eddy::StreamOutbox;
using eddy::Task;
using eddy::TcpStream;

#if EDDY_SYSTEM_CALL_FAULTS

/// Counts `send` and `sendmsg`, lets one of them fail, and none move more than so much.
class Sends final : public FaultPlan {
public:
    explicit Sends(std::size_t most = static_cast<std::size_t>(-1),
                   std::size_t nth = 0,
                   int error = 0) noexcept
        : most_(most), nth_(nth), error_(error) {}

    [[nodiscard]] int error_of(SystemCall call) noexcept override {
        if (call != SystemCall::send && call != SystemCall::sendmsg) {
            return 0;
        }
        return ++calls_ == nth_ ? error_ : 0;
    }
    [[nodiscard]] std::size_t most(SystemCall call, std::size_t length) noexcept override {
        return call == SystemCall::recv ? length : std::min(length, most_);
    }
    [[nodiscard]] std::size_t calls() const noexcept { return calls_; }

private:
    std::size_t most_;
    std::size_t nth_;
    int error_;
    std::size_t calls_ = 0;
};

#endif

}  // namespace

#if EDDY_SYSTEM_CALL_FAULTS

EDDY_NET_TEST("a thousand messages of a turn are one system call of the writer, or a few") {
    TcpPair pair = co_await tcp_pair();
    BufferedWriter writer(pair.client);
    const Sends sends;
    for (const std::size_t depth : {1U, 16U, 1000U}) {
        const std::size_t before = sends.calls();
        for (std::size_t i = 0; i < depth; ++i) {
            co_await writer.write("$5\r\nvalue\r\n");
        }
        CHECK(sends.calls() == before);
        co_await writer.flush();
        CHECK(sends.calls() == before + 1);
        const std::string all = co_await read_all(pair.server, depth * 11);
        CHECK(all.size() == depth * 11);
    }
}

EDDY_NET_TEST("what several jobs write in a turn is one system call, at its end") {
    TcpPair pair = co_await tcp_pair();
    BufferedWriter writer(pair.client);
    const Sends sends;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 10; ++i) {
        jobs.push_back(
            eddy::spawn([](auto& to) -> Task<> { co_await to.write("ten bytes\n"); }(writer)));
    }
    for (auto& job : jobs) {
        co_await job;
    }
    const std::string text = co_await read_all(pair.server, 100);
    CHECK(text.size() == 100);
    CHECK(sends.calls() == 1);
}

EDDY_NET_TEST("a writer whose sends are short sends everything, in order") {
    for (const std::size_t most : {1U, 7U, 4000U}) {
        TcpPair pair = co_await tcp_pair();
        BufferedWriter writer(pair.client, 9000);
        const Sends sends(most);
        std::string expected;
        auto job = eddy::spawn([](auto& to, std::string& all) -> Task<> {
            for (unsigned i = 0; i < 300; ++i) {
                const std::string text = std::to_string(i) + std::string(i % 100, '.');
                all += text;
                co_await to.write(text);
            }
            co_await to.shutdown();
        }(writer, expected));
        const std::string text = co_await read_all(pair.server);
        co_await job;
        const bool right = text == expected;
        CHECK(right);
    }
}

EDDY_NET_TEST(
    "each send of a writer fails, with each error: it says so, or goes on; nothing is lost "
    "in silence") {
    for (const int error : {EPIPE, ECONNRESET, ENOBUFS, ENETDOWN, EAGAIN, EINTR}) {
        for (std::size_t nth = 1; nth <= 4; ++nth) {
            CAPTURE(error);
            CAPTURE(nth);
            TcpPair pair = co_await tcp_pair();
            std::string failure;
            std::string got;
            {
                BufferedWriter writer(pair.client, 64);
                const Sends sends(5, nth, error);
                try {
                    for (int i = 0; i < 3; ++i) {
                        co_await writer.write("0123456789");
                        co_await writer.flush();
                    }
                    co_await writer.shutdown();
                } catch (const eddy::IoError& why) {
                    failure = why.what();
                } catch (const eddy::BrokenResource& why) {
                    failure = why.what();
                }
            }
            try {
                got = co_await read_all(pair.server);
            } catch (const eddy::BrokenResource&) {
                got = "reset";
            }
            const bool transient = error == EAGAIN || error == EINTR;
            CHECK(failure.empty() == transient);
            CHECK(got == (transient ? "012345678901234567890123456789" : "reset"));
        }
    }
}

EDDY_NET_TEST("messages of an outbox go out together, sixteen in a system call") {
    TcpPair pair = co_await tcp_pair();
    StreamOutbox<TcpStream> outbox(pair.client);
    const Sends sends;
    const auto message = std::make_shared<const std::string>("message\n");
    for (int i = 0; i < 48; ++i) {
        outbox.send(message);
    }
    CHECK(sends.calls() == 0);
    const std::string text = co_await read_all(pair.server, 48 * 8);
    CHECK(text.size() == 48 * 8);
    CHECK(sends.calls() == 3);
}

#endif

// --- a storm -----------------------------------------------------------------------------------

namespace {

struct Storm {
    std::string got;
    bool cut = false;  // the reader saw no orderly end
    std::map<char, int> accepted;
};

/// Whole messages "<a12.....>" of its own, some of which it gives up.
Task<> one_writer(BufferedWriter<MemoryStream>& writer,
                  char name,
                  std::uint64_t seed,
                  Storm& storm) {
    eddy::detail::SplitMix random(seed);
    int number = 0;
    for (int i = 0; i < 40; ++i) {
        const std::string text = std::string("<") + name + std::to_string(number) +
                                 std::string(random.next() % 40, '.') + ">";
        bool written = false;
        const auto one = [](auto& to, const std::string& what, bool& done) -> Task<> {
            co_await to.write(what);
            done = true;
        };
        if (random.next() % 3 == 0) {
            static_cast<void>(co_await eddy::move_on_after(
                std::chrono::microseconds(random.next() % 500), one(writer, text, written)));
        } else {
            co_await one(writer, text, written);
        }
        number += written ? 1 : 0;
        storm.accepted[name] = number;
        if (random.next() % 8 == 0) {
            static_cast<void>(co_await eddy::move_on_after(
                std::chrono::microseconds(random.next() % 500),
                [](auto& to) -> Task<> { co_await to.flush(); }(writer)));
        }
        if (random.next() % 4 == 0) {
            co_await eddy::sleep_for(std::chrono::microseconds(random.next() % 300));
        }
    }
}

Task<> read_into(MemoryStream& from, Storm& storm) {
    std::array<std::byte, 64> buffer{};
    try {
        while (true) {
            const std::size_t length = co_await from.read_some(buffer);
            if (length == 0) {
                break;
            }
            storm.got += text_of(std::span(buffer).first(length));
        }
    } catch (const eddy::BrokenResource&) {
        storm.cut = true;
    }
    from.close();
}

/// Several jobs write over a bad wire; the whole of it may be cancelled in the middle.
Task<> storm_over_wire(std::uint64_t seed, Storm& storm, WireReport& report) {
    eddy::detail::SplitMix random(seed);
    auto [near, wire_near] =
        memory_stream_pair({.capacity = 1 + random.next() % 200, .seed = seed});
    auto [wire_far, far] = memory_stream_pair({.capacity = 1 + random.next() % 200, .seed = ~seed});
    WireFaults faults{.seed = seed, .piece = 1 + random.next() % 100, .split = true};
    faults.delay = std::chrono::microseconds(random.next() % 50);
    if (random.next() % 4 == 0) {
        faults.reset_after = random.next() % 3000;
    }
    const bool cancels = random.next() % 4 == 0;
    const auto limit = std::chrono::microseconds(random.next() % 20'000);
    const std::size_t room = 1 + random.next() % 200;
    co_await eddy::with_task_group([&, &from = near, &to = far](eddy::TaskGroup& group) -> Task<> {
        group.spawn(faulty_wire(std::move(wire_near), std::move(wire_far), faults, report));
        group.spawn(read_into(to, storm));
        const auto writing = [](MemoryStream& stream,
                                std::size_t most,
                                std::uint64_t chance,
                                Storm& seen) -> Task<> {
            BufferedWriter<MemoryStream> writer(stream, most);
            co_await eddy::with_task_group([&](eddy::TaskGroup& writers) -> Task<> {
                for (char name = 'a'; name < 'e'; ++name) {
                    writers.spawn(
                        one_writer(writer, name, chance + static_cast<std::uint64_t>(name), seen));
                }
                co_return;
            });
            co_await writer.shutdown();
        };
        try {
            if (cancels) {
                static_cast<void>(
                    co_await eddy::move_on_after(limit, writing(from, room, seed, storm)));
            } else {
                co_await writing(from, room, seed, storm);
            }
        } catch (const std::exception&) {  // the wire was cut
            CHECK(report.reset);
        }
        from.close();
    });
}

/// Every message is whole and each writer's are in order; returns how many came of each.
std::map<char, int> check_whole(const Storm& storm) {
    std::map<char, int> next;
    for (std::size_t at = 0; at < storm.got.size();) {
        const std::size_t end = storm.got.find('>', at);
        if (end == std::string::npos) {
            CHECK(storm.cut);  // half a message, and the reader knows
            break;
        }
        const std::string_view text = std::string_view(storm.got).substr(at, end - at);
        REQUIRE(text.size() >= 3);
        REQUIRE(text[0] == '<');
        REQUIRE(text.find('<', 1) == std::string_view::npos);
        const int number = std::atoi(std::string(text.substr(2)).c_str());
        CHECK(number == next[text[1]]);
        ++next[text[1]];
        at = end + 1;
    }
    return next;
}

}  // namespace

TEST_CASE(
    "jobs that write to one writer over bad wires, with cancellations: whole messages, in the "
    "order of each") {
    const char* const more = std::getenv("EDDY_IO_SEEDS");
    const std::uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : 150;
    std::size_t ended_well = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        Storm storm;
        WireReport report;
        VirtualClock clock;
        eddy::run(
            storm_over_wire(seed, storm, report),
            {},
            {.clock = &clock, .schedule_seed = seed % 2 == 0 ? std::optional(seed) : std::nullopt});
        auto came = check_whole(storm);
        if (!storm.cut) {
            ++ended_well;
            CHECK(came == storm.accepted);
        }
    }
    CHECK(ended_well > seeds / 4);
    CHECK(ended_well < seeds);
}
