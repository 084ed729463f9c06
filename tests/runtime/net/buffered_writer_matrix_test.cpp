// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "net_kit.hpp"
#include "shortage.hpp"
#include "wrong_thread.hpp"

// Every wait of a writer and an outbox in the matrix; cancelled at each checkpoint; without memory;
// on other threads.

namespace {

using namespace eddy::testing;
using eddy::BufferedWriter;
using eddy::StreamOutbox;
using eddy::Task;

constexpr std::string_view message = "1234567890";

/// A writer that is full, over a stream that is full, whose peer reads when it is told to.
struct FullWriter {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;  // as far as a cancellation can tell

    explicit FullWriter(VirtualClock&) {}
    /// Shielded: some cases end the loop before.
    Task<> prepare() { co_await eddy::shield(fill_it()); }
    /// The peer takes all there is, several times: what is sent at the end of a turn fits then.
    void complete() {
        static std::array<std::byte, 4096> all{};
        auto& far = pair.second;
        while (far.readable() != 0) {
            auto read = far.read_some(all);
            if (read.try_now()) {
                static_cast<void>(read.take());
            }
        }
    }

    std::pair<MemoryStream, MemoryStream> pair = memory_stream_pair({.capacity = 16});
    BufferedWriter<MemoryStream> writer{pair.first, 16};

private:
    Task<> fill_it() {
        co_await writer.write("0123456789abcdef");
        co_await settle();
        co_await writer.write("0123456789abcde");
        co_await settle();
    }
};

struct WriteFixture : FullWriter {
    using FullWriter::FullWriter;
    auto operation() { return writer.write(message); }
    Task<> wait() { co_await operation(); }
    Task<> wait_again() {
        complete();
        co_await settle();
        co_await wait();
    }
    [[nodiscard]] bool intact() const { return writer.statistics().waiting == 0; }
};

struct FlushFixture : FullWriter {
    using FullWriter::FullWriter;
    auto operation() { return writer.flush(); }
    Task<> wait() { co_await operation(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    [[nodiscard]] bool intact() const { return writer.statistics().waiting == 0; }
};

struct ShutdownFixture : FullWriter {
    using FullWriter::FullWriter;
    auto operation() { return writer.shutdown(); }
    Task<> wait() { co_await operation(); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    [[nodiscard]] bool intact() const { return true; }
};

EDDY_WAIT_MATRIX("BufferedWriter::write", WriteFixture)
EDDY_WAIT_MATRIX("BufferedWriter::flush", FlushFixture)
EDDY_WAIT_MATRIX("BufferedWriter::shutdown", ShutdownFixture)

struct BrokenFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;

    explicit BrokenFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return outbox.wait_broken(); }
    Task<> wait() {
        const auto why = co_await operation();
        CHECK(why != nullptr);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() {
        outbox.send(std::string(4096, 'x'));  // more than it ever takes
    }
    [[nodiscard]] bool intact() const { return true; }

    std::pair<MemoryStream, MemoryStream> pair = memory_stream_pair();
    StreamOutbox<MemoryStream> outbox{pair.first, {.max_bytes = 1024}};
};

EDDY_WAIT_MATRIX("Outbox::wait_broken", BrokenFixture)

/// Two jobs write to one peer, which reads slowly; then the end.
Task<> scenario(std::string& seen) {
    auto [near, far] = memory_stream_pair({.capacity = 8});
    const auto body = [&, &one = near, &other = far](eddy::TaskGroup& group) -> Task<> {
        BufferedWriter writer(one, 12);
        group.spawn([](MemoryStream& from, std::string& into) -> Task<> {
            try {
                while (true) {
                    const std::string text = co_await read_text(from, 3);
                    if (text.empty()) {
                        break;
                    }
                    into += text;
                }
            } catch (const eddy::BrokenResource&) {  // torn: what has come stays
            }
        }(other, seen));
        co_await eddy::with_task_group([&](eddy::TaskGroup& writers) -> Task<> {
            for (const char* const text : {"<aaaa>", "<bbbb>"}) {
                writers.spawn([](auto& to, std::string_view what) -> Task<> {
                    for (int i = 0; i < 4; ++i) {
                        co_await to.write(what);
                        co_await to.flush();
                    }
                }(writer, text));
            }
            co_return;
        });
        co_await writer.shutdown();
    };
    co_await eddy::with_task_group(body);
}

}  // namespace

TEST_CASE(
    "a writer cancelled at each of its checkpoints sends no half message behind a whole one") {
    for (const std::uint64_t seed : {0U, 1U, 2U}) {
        std::string seen;
        const auto begin = [&seen] {
            seen.clear();
            return scenario(seen);
        };
        const auto after = [&seen] {
            for (std::size_t at = 0; at < seen.size(); at += 6) {
                const std::string_view one = std::string_view(seen).substr(at, 6);
                const bool right = std::string_view("<aaaa>").starts_with(one) ||
                                   std::string_view("<bbbb>").starts_with(one);
                CHECK(right);
            }
        };
        const std::size_t count = cancel_at_each_checkpoint(
            begin, after, seed == 0 ? std::nullopt : std::optional<std::uint64_t>(seed));
        CHECK(count > 20);
        CHECK(seen.size() == 48);
    }
}

#if EDDY_HEAP_HOOKS

TEST_CASE("a shortage of memory in the life of a writer and its jobs") {
    survives_shortage_in_job([]() -> Task<> {
        std::string seen;
        seen.reserve(64);
        co_await scenario(seen);
    });
}

TEST_CASE("a shortage of memory in the life of an outbox") {
    survives_shortage_in_job([]() -> Task<> {
        for (const auto when : {eddy::WhenFull::drop_oldest,
                                eddy::WhenFull::drop_newest,
                                eddy::WhenFull::disconnect}) {
            auto [near, far] = memory_stream_pair({.capacity = 8});
            StreamOutbox outbox(near, {.max_bytes = 40, .max_messages = 4, .when_full = when});
            const auto text = std::make_shared<const std::string>("message ");
            for (int i = 0; i < 20; ++i) {
                outbox.send(text);
                co_await settle();
                if (i % 3 == 0 && far.readable() != 0) {
                    std::array<std::byte, 16> buffer{};
                    static_cast<void>(co_await far.read_some(buffer));
                }
            }
        }
    });
}

EDDY_TEST_CASE(
    "a write without memory has left nothing in the writer, and the next one is written") {
    auto [near, far] = memory_stream_pair();
    BufferedWriter writer(near, 1U << 20U);
    const std::string large(300'000, 'x');  // no pool has it
    co_await writer.write("before ");
    bool failed = false;
    try {
        const Shortage shortage(0, Shortage::Mode::once);
        static_cast<void>(writer.try_write(large));
    } catch (const std::bad_alloc&) {
        failed = true;
    }
    CHECK(failed);
    CHECK(writer.buffered() == 7);
    co_await writer.write("after");
    co_await writer.flush();
    const std::string text = co_await read_text(far);
    CHECK(text == "before after");
}

#endif

EDDY_NET_TEST("a BufferedWriter is its loop's") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    BufferedWriter writer(near, 8);
    co_await writer.write("before");
    std::vector<OffLoopCall> calls = {
        off_loop_await("write", [&] { return writer.write(std::string_view("x")); }),
        off_loop_await("flush", [&] { return writer.flush(); }),
        off_loop_await("shutdown", [&] { return writer.shutdown(); }),
    };
    calls.emplace_back("try_write", [&] { return writer.try_write("x"); });
    calls.emplace_back("buffered", [&] { return writer.buffered(); });
    calls.emplace_back("statistics", [&] { return writer.statistics().messages; });
    check_refused(calls, [&] { return std::to_string(writer.buffered()); });
    auto flush = eddy::spawn([](auto& all) -> Task<> { co_await all.flush(); }(writer));
    const std::string text = co_await read_all(far, 6);
    CHECK(text == "before");
    co_await flush;
}

EDDY_NET_TEST("an Outbox is its loop's") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    StreamOutbox outbox(near);
    outbox.send("before");
    std::vector<OffLoopCall> calls = {
        off_loop_await("flush", [&] { return outbox.flush(); }),
        off_loop_await("shutdown", [&] { return outbox.shutdown(); }),
        off_loop_await("wait_broken", [&] { return outbox.wait_broken(); }),
    };
    calls.emplace_back("send", [&] { return outbox.send("x"); });
    calls.emplace_back("failure", [&] { static_cast<void>(outbox.failure()); });
    calls.emplace_back("statistics", [&] { return outbox.statistics().messages; });
    check_refused(calls, [&] { return std::to_string(outbox.statistics().messages); });
    auto flush = eddy::spawn([](auto& all) -> Task<> { co_await all.flush(); }(outbox));
    const std::string text = co_await read_all(far, 6);
    CHECK(text == "before");
    co_await flush;
}
