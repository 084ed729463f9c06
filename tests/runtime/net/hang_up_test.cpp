// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/faulty_wire.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"
#include "uv_inventory.hpp"

// The wait for a peer to hang up, beyond what the contract of streams says of it.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;
using eddy::TcpStream;

static_assert(eddy::detail::WaitsHangUp<TcpStream>);
static_assert(eddy::detail::WaitsHangUp<eddy::UnixStream>);
static_assert(eddy::detail::WaitsHangUp<eddy::ReadHalf>);
static_assert(!eddy::detail::WaitsHangUp<eddy::WriteHalf>);
static_assert(eddy::detail::WaitsHangUp<eddy::TimedStream<TcpStream>>);
static_assert(eddy::detail::WaitsHangUp<MemoryStream>);

template <class S>
Task<> hang_up_task(S& stream) {
    co_await stream.wait_hang_up();
}

/// What a job waits for that the peer has asked for.
class Work final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(Work& work) noexcept : work_(work) {}
        [[nodiscard]] bool try_now() const noexcept { return false; }
        void start() noexcept { work_.waiters_.push_back(*this); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Work::wait"; }

    private:
        Work& work_;
    };
    [[nodiscard]] Wait wait() noexcept { return Wait(*this); }
    void end() { waiters_.wake_all(); }

private:
    eddy::WaitQueue waiters_;
};

}  // namespace

EDDY_NET_TEST("a peer that has hung up does not keep the loop awake, nor do bytes it left unread") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    auto waiter = eddy::spawn(hang_up_task(pair.server));
    co_await settle();
    CHECK(armed() == before + 1);
    co_await pair.client.write_all("unread");
    co_await settle();
    CHECK_FALSE(waiter.done());
    CHECK(armed() == before + 1);
    co_await pair.client.shutdown();
    co_await waiter;
    co_await settle();
    CHECK(armed() == before);
    pair.client.close();
    co_await settle();
    CHECK(armed() == before);
    const std::string text = co_await read_text(pair.server);
    CHECK(text == "unread");
}

EDDY_NET_TEST("a stream on which nobody waits for that is not watched for it") {
    TcpPair pair = co_await tcp_pair();
    co_await settle();
    const int before = armed();
    co_await pair.client.write_all("x");
    pair.client.close();
    co_await settle();
    CHECK(armed() == before);
    co_await pair.server.wait_hang_up();  // asked the first time
}

#if EDDY_SYSTEM_CALL_FAULTS
EDDY_NET_TEST("after the first one, waiting for the peer to close its side costs no system call") {
    TcpPair pair = co_await tcp_pair();
    Work work;
    const auto once = [&]() -> Task<std::size_t> {
        auto ends = [](Work& its) -> Task<> {
            its.end();
            co_return;
        }(work);
        auto job = eddy::spawn(std::move(ends));
        const auto first = co_await eddy::select(work.wait(), pair.server.wait_hang_up());
        co_await job;
        co_return first.index();
    };
    const std::size_t warm = co_await once();
    CHECK(warm == 0);
    co_await settle();
    {
        const FailNth counts(SystemCall::poll_set, 0, 0);
        for (int i = 0; i < 100; ++i) {
            const std::size_t index = co_await once();
            CHECK(index == 0);
        }
        co_await settle();
        CHECK(counts.calls() == 0);
    }
    auto waiter = eddy::spawn(hang_up_task(pair.server));
    {
        const FailNth counts(SystemCall::poll_set, 0, 0);
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 100; ++i) {  // nor does a message while somebody waits
            auto reader = eddy::spawn(read_task(pair.server, buffer));
            co_await settle();
            co_await pair.client.write_all("message");
            const std::size_t count = co_await reader;
            CHECK(count == 7);
        }
        CHECK(counts.calls() <= 2);  // reading is armed, once
    }
    pair.client.close();
    co_await waiter;
}
#endif

EDDY_NET_TEST("a reader and the wait for the peer to close, in one select: exactly one happens") {
    for (const bool reset : {false, true}) {
        for (const bool reader_first : {false, true}) {
            TcpPair pair = co_await tcp_pair();
            std::array<std::byte, 8> buffer{};
            bool ended = false;
            auto job =
                eddy::spawn([](TcpStream& stream, auto& into, bool reads, bool& out) -> Task<> {
                    try {
                        if (reads) {
                            static_cast<void>(co_await eddy::select(stream.read_some(into),
                                                                    stream.wait_hang_up()));
                        } else {
                            static_cast<void>(co_await eddy::select(stream.wait_hang_up(),
                                                                    stream.read_some(into)));
                        }
                    } catch (const eddy::BrokenResource&) {
                    }
                    out = true;
                }(pair.server, buffer, reader_first, ended));
            co_await settle();
            CHECK_FALSE(ended);
            if (reset) {
                pair.client.close_reset();
            } else {
                pair.client.close();
            }
            co_await job;
            CHECK(ended);
            const eddy::StreamStatistics now = pair.server.statistics();
            CHECK_FALSE(now.reading);
            CHECK_FALSE(now.awaiting_hang_up);
            co_await pair.server.wait_hang_up();
        }
    }
}

EDDY_NET_TEST("a writer and the wait for the peer to close, in one select: exactly one happens") {
    TcpPair pair = co_await tcp_pair();
    static_cast<void>(co_await fill(pair.server));
    auto job = eddy::spawn([](TcpStream& stream) -> Task<> {
        try {
            static_cast<void>(
                co_await eddy::select(stream.wait_hang_up(), stream.write_some(bytes_of("x"))));
        } catch (const eddy::BrokenResource&) {
        }
    }(pair.server));
    co_await settle();
    CHECK_FALSE(job.done());
    pair.client.close_reset();
    co_await job;
    const eddy::StreamStatistics now = pair.server.statistics();
    CHECK_FALSE(now.writing);
    CHECK_FALSE(now.awaiting_hang_up);
}

EDDY_NET_TEST("a write that is told of the reset ends the wait for the peer to close") {
    TcpPair pair = co_await tcp_pair();
    auto waiter = eddy::spawn(hang_up_task(pair.server));
    co_await settle();
    pair.client.close_reset();
    try {
        for (int i = 0; i < 2; ++i) {  // before the loop has polled
            co_await pair.server.write_all("x");
        }
    } catch (const eddy::BrokenResource&) {
    }
    co_await waiter;
}

EDDY_NET_TEST("the reader's half of a stream waits for the peer, until that half is closed") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, writer] = std::move(pair.server).split();
    auto waiter = eddy::spawn(hang_up_task(reader));
    co_await settle();
    reader.close();
    bool closed = false;
    try {
        co_await waiter;
    } catch (const eddy::ClosedResource&) {
        closed = true;
    }
    CHECK(closed);
    co_await writer.write_all("still");
    const std::string text = co_await read_text(pair.client);
    CHECK(text == "still");
    bool refused = false;
    try {
        co_await reader.wait_hang_up();
    } catch (const eddy::ClosedResource&) {
        refused = true;
    }
    CHECK(refused);
}

EDDY_NET_TEST("a stream that was accepted with its request can wait for its peer to close") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    for (int i = 0; i < 40; ++i) {  // some of them are spared the watching
        TcpStream client = co_await eddy::connect(listener.local_address());
        co_await client.write_all("request");
        TcpStream server = co_await listener.accept();
        auto waiter = eddy::spawn(hang_up_task(server));
        const std::string text = co_await read_text(server);
        CHECK(text == "request");
        co_await settle();
        CHECK_FALSE(waiter.done());
        client.close();
        co_await waiter;
    }
}

EDDY_TEST_CASE("work ends when its client closes, and the reader beside it goes on") {
    auto [client, server] = memory_stream_pair();
    Work work;
    std::optional<std::size_t> first;
    auto handler = eddy::spawn([](MemoryStream& stream, Work& its, auto& out) -> Task<> {
        const auto chosen = co_await eddy::select(its.wait(), stream.wait_hang_up());
        out = chosen.index();
    }(server, work, first));
    co_await client.write_all("pipelined");
    co_await settle();
    CHECK_FALSE(first.has_value());
    client.close();
    co_await handler;
    CHECK(first == 1);
    const std::string text = co_await read_text(server);
    CHECK(text == "pipelined");
}

EDDY_TEST_CASE("a job is cancelled whose client closes before it has an answer") {
    const auto handle = [](MemoryStream stream) -> Task<bool> {
        auto work = eddy::spawn([]() -> Task<> { co_await eddy::sleep_for(1h); });
        const auto first = co_await eddy::select(work.wait(), stream.wait_hang_up());
        if (first.index() == 1) {
            work.cancel();
        }
        co_await work.wait();
        co_return work.state() == eddy::JobState::cancelled;
    };
    const eddy::TimePoint begun = eddy::now();
    for (const bool leaves : {true, false}) {
        auto [client, server] = memory_stream_pair();
        auto handler = eddy::spawn(handle(std::move(server)));
        co_await settle();
        if (leaves) {
            client.close();
        }
        const bool cancelled = co_await handler;
        CHECK(cancelled == leaves);
        CHECK(eddy::now() - begun == (leaves ? 0h : 1h));
    }
}

EDDY_TEST_CASE("who waits for its client to close does not wait for it to say something") {
    MemoryListener listener;
    eddy::Server server({.silence = 10s});
    Work work;
    std::size_t index = 9;
    const auto computes = [&](MemoryStream stream) -> Task<> {
        const auto chosen = co_await eddy::select(work.wait(), stream.wait_hang_up());
        index = chosen.index();
        co_await stream.write_all("done");
    };
    auto serving = eddy::spawn(eddy::serve(server, listener, computes));
    MemoryStream client = listener.connect();
    co_await eddy::sleep_for(1h);
    CHECK(index == 9);
    work.end();
    const std::string text = co_await read_text(client);
    CHECK(text == "done");
    CHECK(index == 0);
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("a peer that a server gives up for its silence counts as one that has closed") {
    MemoryListener listener;
    eddy::Server server({.silence = 10s});
    bool left = false;
    const auto handler = [&left](MemoryStream stream) -> Task<> {
        std::array<std::byte, 8> buffer{};
        auto watcher = eddy::spawn([](MemoryStream& its, bool& out) -> Task<> {
            co_await its.wait_hang_up();
            out = true;
        }(stream, left));
        try {
            static_cast<void>(co_await stream.read_some(buffer));
        } catch (const eddy::IoError&) {
        }
        co_await watcher;
    };
    auto serving = eddy::spawn(eddy::serve(server, listener, handler));
    const MemoryStream client = listener.connect();
    co_await eddy::sleep_for(20s);
    CHECK(left);
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("over a faulty wire a peer that closes is heard of in time, in good order or not") {
    for (const bool reset : {false, true}) {
        auto [client, near] = memory_stream_pair();
        auto [far, server] = memory_stream_pair();
        WireReport report;
        auto wire = eddy::spawn(
            faulty_wire(std::move(near), std::move(far), {.delay = 50ms, .split = true}, report));
        co_await client.write_all("unread");
        auto waiter = eddy::spawn(hang_up_task(server));
        co_await eddy::sleep_for(1s);
        CHECK_FALSE(waiter.done());
        if (reset) {
            client.close_reset();
        } else {
            client.close();
        }
        co_await waiter;
        server.close();
        co_await wire;
    }
}

EDDY_NET_TEST("a TimedStream passes the wait for its peer to close on, and does not time it") {
    TcpPair pair = co_await tcp_pair();
    eddy::TimedStream timed(std::move(pair.server), {.idle = 1ms});
    auto waiter = eddy::spawn(hang_up_task(timed));
    co_await eddy::sleep_for(5ms);
    CHECK_FALSE(waiter.done());
    pair.client.close();
    co_await waiter;
}
