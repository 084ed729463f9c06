// SPDX-License-Identifier: MIT
#include <eddy/net/buffered_writer.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../fork_kit.hpp"
#include "../test_kit.hpp"
#include "broken_contract.hpp"
#include "heap_hooks.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BufferedWriter;
using eddy::Task;
using eddy::TcpStream;

using Writer = BufferedWriter<MemoryStream>;

Task<> writes(Writer& writer, std::string text) { co_await writer.write(text); }
Task<> flushes(Writer& writer) { co_await writer.flush(); }
Task<> shuts_down(Writer& writer) { co_await writer.shutdown(); }

const std::vector<std::byte> block(65536);

/// What an await throws, or "".
template <class Make>
Task<std::string> error_of(Make make) {
    std::string text;
    try {
        auto operation = make();
        co_await operation;
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("a writer sends what was written in a turn in one write, when the turn ends") {
    auto [near, far] = memory_stream_pair();
    Writer writer(near);
    std::vector<eddy::JoinHandle<void>> jobs;
    for (const char* const text : {"one ", "two ", "three "}) {
        jobs.push_back(eddy::spawn(writes(writer, text)));
    }
    co_await writer.write("zero ");
    CHECK(writer.buffered() == 5);
    CHECK(far.readable() == 0);
    co_await settle();
    CHECK(far.readable() == 19);
    CHECK(writer.buffered() == 0);
    const eddy::WriterStatistics now = writer.statistics();
    CHECK(now.messages == 4);
    CHECK(now.bytes_accepted == 19);
    CHECK(now.writes == 1);
    const std::string text = co_await read_text(far);
    CHECK(text.starts_with("zero "));
    CHECK(text.find("three ") != std::string::npos);
}

EDDY_TEST_CASE("flush of a writer sends at once, and returns when the stream has everything") {
    auto [near, far] = memory_stream_pair({.capacity = 8});
    Writer writer(near);
    co_await writer.write("four");
    co_await writer.flush();
    CHECK(far.readable() == 4);
    co_await writer.flush();  // of nothing
    co_await writer.write("56789");
    auto job = eddy::spawn(flushes(writer));
    co_await settle();
    CHECK(!job.done());
    co_await writer.write("after it");  // not a matter of that flush
    const std::string some = co_await read_text(far);
    CHECK(some == "four5678");
    co_await job;
    const std::string rest = co_await read_all(far, 9);
    CHECK(rest == "9after it");
}

EDDY_TEST_CASE("a writer takes spans, several spans, and text that ends with the expression") {
    auto [near, far] = memory_stream_pair();
    Writer writer(near);
    const std::array<std::byte, 2> bytes{std::byte{'a'}, std::byte{'b'}};
    const std::array<std::span<const std::byte>, 3> parts{bytes, bytes_of(""), bytes_of("cd")};
    co_await writer.write(bytes);
    co_await writer.write(parts);
    co_await writer.write(std::string("ef"));
    co_await writer.write("");
    co_await writer.write(std::span<const std::span<const std::byte>>());
    const bool taken = writer.try_write("gh");
    CHECK(taken);
    CHECK(writer.statistics().messages == 4);
    co_await writer.flush();
    const std::string text = co_await read_text(far);
    CHECK(text == "ababcdefgh");
}

EDDY_TEST_CASE("a write waits at the writer's limit, first come, first served") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    Writer writer(near, 8);
    co_await writer.write("aaaaaaaa");
    CHECK_FALSE(writer.try_write("x"));
    auto large = eddy::spawn(writes(writer, "bbbbbb"));
    co_await settle();
    auto small = eddy::spawn(writes(writer, "ccc"));
    co_await settle();
    CHECK(writer.statistics().waiting == 2);
    std::string text = co_await read_all(far, 4);
    co_await settle();
    CHECK(large.done());
    CHECK_FALSE(small.done());
    CHECK_FALSE(writer.try_write("x"));  // there is room for it, but others were first
    text += co_await read_all(far, 4);
    co_await large;
    auto last = eddy::spawn(writes(writer, "d"));
    auto all = eddy::spawn(flushes(writer));
    text += co_await read_all(far, 10);
    co_await small;
    co_await last;
    CHECK(text == "aaaaaaaabbbbbbcccd");
    co_await all;
}

EDDY_TEST_CASE("a message that is larger than the writer's limit is taken alone, and whole") {
    auto [near, far] = memory_stream_pair({.capacity = 16});
    Writer writer(near, 8);
    const std::string large(1000, 'L');
    co_await writer.write("first");
    auto job = eddy::spawn(writes(writer, large));
    co_await settle();
    auto later = eddy::spawn(writes(writer, "last"));
    std::string text = co_await read_all(far, 5 + 1000 + 4);
    const bool right = text == "first" + large + "last";
    CHECK(right);
    co_await job;
    co_await later;
    co_await writer.flush();
    CHECK(writer.buffered() == 0);
}

EDDY_TEST_CASE("a writer's limit is at least a byte") {
    auto [near, far] = memory_stream_pair();
    static_cast<void>(far);
    CHECK_THROWS_AS(Writer(near, 0), std::invalid_argument);
    CHECK_THROWS_AS(Writer(near, -1), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("a writer whose peer is gone says so to all who wait, and to whoever comes later") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    Writer writer(near, 8);
    co_await writer.write("12345678");
    auto waits = eddy::spawn(writes(writer, "more"));
    auto flush = eddy::spawn(flushes(writer));
    co_await settle();
    auto shutdown = eddy::spawn(shuts_down(writer));
    co_await settle();
    far.close();
    for (auto* const job : {&waits, &flush, &shutdown}) {
        const auto error = co_await failure_of(*job);
        CHECK(holds<eddy::BrokenResource>(error));
    }
    CHECK(writer.buffered() == 0);
    const std::string written = co_await error_of([&] { return writer.write("x"); });
    CHECK(written == "write: the other side is gone");
    const std::string flushed = co_await error_of([&] { return writer.flush(); });
    CHECK(flushed == written);
    const std::string shut = co_await error_of([&] { return writer.shutdown(); });
    CHECK(shut == written);
    CHECK_THROWS_AS(static_cast<void>(writer.try_write("x")), eddy::BrokenResource);
}

EDDY_TEST_CASE("what fails at the end of a turn comes out of the writer's next call") {
    auto [near, far] = memory_stream_pair();
    Writer writer(near);
    far.close();
    co_await writer.write("into the void");
    co_await settle();
    const std::string error = co_await error_of([&] { return writer.write("x"); });
    CHECK(error == "write: the other side is gone");
}

EDDY_TEST_CASE("a writer whose stream is closed by its owner, or moved away, says so") {
    for (const bool moved : {false, true}) {
        CAPTURE(moved);
        auto [near, far] = memory_stream_pair();
        Writer writer(near);
        co_await writer.write("unsent");
        std::optional<MemoryStream> elsewhere;
        if (moved) {
            elsewhere.emplace(std::move(near));
        } else {
            near.close();
        }
        const std::string error = co_await error_of([&] { return writer.flush(); });
        CHECK(error.find("this stream is closed") != std::string::npos);
    }
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Writer writer(near);
    co_await writer.write("unsent");
    auto flush = eddy::spawn(flushes(writer));
    co_await settle();
    near.close();
    const auto error = co_await failure_of(flush);
    CHECK(holds<eddy::ClosedResource>(error));
}

// --- its end -----------------------------------------------------------------------------------

EDDY_TEST_CASE("a writer that is destroyed with something unsent resets the connection") {
    for (const bool under_way : {false, true}) {
        CAPTURE(under_way);
        auto [near, far] = memory_stream_pair({.capacity = 6});
        {
            Writer writer(near);
            co_await writer.write("whole ");
            co_await writer.flush();
            co_await writer.write("not whole");
            if (under_way) {
                co_await settle();
            }
        }
        CHECK_FALSE(near.is_open());
        co_await settle();
        const std::string error = co_await error_of([&] {
            static std::array<std::byte, 16> buffer{};
            return far.read_some(buffer);
        });
        CHECK(error.find("reset") != std::string::npos);
    }
}

EDDY_TEST_CASE("a writer that has sent everything leaves the stream as it is") {
    auto [near, far] = memory_stream_pair();
    {
        Writer writer(near);
        co_await writer.write("whole");
        co_await writer.flush();
    }
    CHECK(near.is_open());
    near.close();
    const std::string text = co_await read_all(far);
    CHECK(text == "whole");
}

EDDY_TEST_CASE("a job that is cancelled while its writer waits resets the connection") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    const auto serve = [](MemoryStream& stream) -> Task<> {
        Writer writer(stream, 8);
        for (int i = 0; i < 10; ++i) {
            co_await writer.write("message ");
        }
        co_await writer.shutdown();
    };
    eddy::CancelScope scope;
    auto job = eddy::spawn(eddy::with_scope(scope, serve(near)));
    co_await settle();
    scope.cancel();
    static_cast<void>(co_await job);
    CHECK_FALSE(near.is_open());
}

EDDY_TEST_CASE("shutdown of a writer sends everything, also what waits already, then the end") {
    auto [near, far] = memory_stream_pair({.capacity = 4});
    Writer writer(near, 4);
    co_await writer.write("aaaa");
    auto waits = eddy::spawn(writes(writer, "bbbbb"));
    co_await settle();
    auto shutdown = eddy::spawn(shuts_down(writer));
    co_await settle();
    const std::string refused = co_await error_of([&] { return writer.write("x"); });
    CHECK(refused == "BufferedWriter::write: the writing side was shut down");
    const std::string text = co_await read_all(far);
    CHECK(text == "aaaabbbbb");
    co_await waits;
    co_await shutdown;
    const std::string later = co_await error_of([&] { return writer.write("x"); });
    CHECK(later == refused);
    CHECK_THROWS_AS(static_cast<void>(writer.try_write("x")), eddy::ClosedResource);
    co_await writer.flush();
    co_await writer.shutdown();  // again
}

EDDY_TEST_CASE("a shutdown that was given up has not shut the writer down") {
    for (const bool lost : {false, true}) {
        CAPTURE(lost);
        auto [near, far] = memory_stream_pair({.capacity = 2});
        Writer writer(near, 4);
        co_await writer.write("aaaa");
        if (lost) {
            const auto got = co_await eddy::select(writer.shutdown(), eddy::sleep_for(1ms));
            CHECK(got.index() == 1);
        } else {
            const bool done = co_await eddy::move_on_after(1ms, shuts_down(writer));
            CHECK_FALSE(done);
        }
        auto waits = eddy::spawn(writes(writer, "bb"));
        std::string text = co_await read_all(far, 6);
        CHECK(text == "aaaabb");
        co_await waits;
        co_await writer.shutdown();
        text = co_await read_all(far);
        CHECK(text.empty());
    }
}

EDDY_TEST_CASE("a shutdown that its stream refuses fails, and the writer goes on saying why") {
    auto [near, far] = memory_stream_pair();
    Writer writer(near);
    far.close();
    const std::string error = co_await error_of([&] { return writer.shutdown(); });
    CHECK(error == "write: the other side is gone");
}

// --- in a select -------------------------------------------------------------------------------

EDDY_TEST_CASE("a write that loses a select has left nothing in the writer") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Writer writer(near, 4);
    co_await writer.write("aaaa");
    const auto got =
        co_await eddy::select(writer.write(std::string_view("no")), eddy::sleep_for(1ms));
    CHECK(got.index() == 1);
    auto flush = eddy::spawn(flushes(writer));
    const std::string text = co_await read_all(far, 4);
    co_await flush;
    CHECK(text == "aaaa");
    CHECK(far.readable() == 0);
}

EDDY_TEST_CASE("of two writes of one select exactly one happens") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Writer writer(near, 4);
    co_await writer.write("aaaa");
    auto both = eddy::spawn([](Writer& to) -> Task<std::size_t> {
        const auto got =
            co_await eddy::select(to.write(std::string_view("1")), to.write(std::string_view("2")));
        co_return got.index();
    }(writer));
    co_await settle();
    CHECK(writer.statistics().waiting == 2);
    const std::string text = co_await read_all(far, 5);
    const std::size_t which = co_await both;
    CHECK(text == "aaaa" + std::to_string(which + 1));
    CHECK(writer.statistics().waiting == 0);
    CHECK(writer.buffered() == 0);
}

/// Waits in an operation in place of a job, and dies when it likes.
class Stranger final : private eddy::detail::WaitOwner {
public:
    explicit Stranger(Writer& writer, std::string_view text) : write_(writer.write(text)) {
        const bool at_once = write_.try_now();
        CHECK_FALSE(at_once);
        Access::owner(write_) = this;
        Access::state(write_) = Access::State::queued;
        write_.start();
    }
    [[nodiscard]] bool granted() const noexcept { return granted_; }
    /// As the frame of a job that has been woken and does not run any more.
    void die() {
        Access::owner(write_) = nullptr;
        Access::state(write_) = Access::State::done;
        Access::pass_on(write_);
    }

private:
    using Access = eddy::detail::WaiterAccess;
    void committed(eddy::Waiter&, bool) noexcept override { granted_ = true; }

    eddy::detail::BufferedWrite write_;
    bool granted_ = false;
};

EDDY_TEST_CASE("a write that was given room and dies gives it to the next") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Writer writer(near, 4);
    co_await writer.write("aaaa");
    co_await settle();
    Stranger first(writer, "bbbb");
    auto second = eddy::spawn(writes(writer, "cccc"));
    co_await settle();
    std::string text = co_await read_all(far, 4);
    co_await settle();
    CHECK(first.granted());
    CHECK_FALSE(second.done());
    CHECK_FALSE(writer.try_write("x"));
    first.die();
    co_await second;
    text += co_await read_all(far, 4);
    CHECK(text == "aaaacccc");
}

EDDY_TEST_CASE("a cancelled write lets those behind it in") {
    auto [near, far] = memory_stream_pair({.capacity = 2});
    Writer writer(near, 6);
    co_await writer.write("aaaa");
    eddy::CancelScope scope;
    auto large = eddy::spawn(eddy::with_scope(scope, writes(writer, "too large")));
    co_await settle();
    auto small = eddy::spawn(writes(writer, "bb"));
    co_await settle();
    CHECK_FALSE(small.done());
    scope.cancel();
    co_await small;
    const bool written = co_await large;
    CHECK_FALSE(written);
    const std::string text = co_await read_all(far, 6);
    CHECK(text == "aaaabb");
}

// --- the loop ----------------------------------------------------------------------------------

TEST_CASE("a writer that outlives its loop has torn what was unsent, and is closed") {
    auto pair = memory_stream_pair({.capacity = 4});
    std::optional<Writer> writer;
    eddy::run([](auto& streams, std::optional<Writer>& made) -> Task<> {
        made.emplace(streams.first);
        co_await made->write("more than fits");
    }(pair, writer));
    CHECK_FALSE(pair.first.is_open());
    std::string error;
    try {
        static_cast<void>(writer->try_write("x"));
    } catch (const eddy::ClosedResource& closed) {
        error = closed.what();
    }
    CHECK(error == "BufferedWriter::try_write: the loop has ended");
}

TEST_CASE("a writer that outlives its loop with nothing unsent leaves the stream alone") {
    auto pair = memory_stream_pair();
    std::optional<Writer> writer;
    eddy::run([](auto& streams, std::optional<Writer>& made) -> Task<> {
        made.emplace(streams.first);
        co_await made->write("fits");
        co_await made->flush();
    }(pair, writer));
    CHECK(pair.first.is_open());
}

/// What a raw peer reads in the end: 0, or an errno.
int end_seen_by(int fd) {
    std::vector<char> buffer(65536);
    ssize_t count = 0;
    do {
        count = ::recv(fd, buffer.data(), buffer.size(), 0);
    } while (count > 0);
    return count == 0 ? 0 : errno;
}

TEST_CASE("a socket whose writer has something unsent at the loop's end is reset") {
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::optional<TcpStream> stream;
    std::optional<BufferedWriter<TcpStream>> writer;
    eddy::run([](int peer, auto& connection, auto& made) -> Task<> {
        eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(listener.local_address().port());
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(::connect(peer, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
        connection.emplace(co_await listener.accept());
        while (true) {
            auto write = connection->write_some(std::span<const std::byte>(block));
            const bool written = write.try_now();
            if (!written) {
                break;
            }
            static_cast<void>(write.take());
        }
        made.emplace(*connection);
        co_await made->write("and this");
    }(raw, stream, writer));
    CHECK_THROWS_AS(static_cast<void>(writer->try_write("x")), eddy::ClosedResource);
    CHECK(end_seen_by(raw) == ECONNRESET);
    ::close(raw);
}

TEST_CASE("a writer needs a loop") {
    auto pair = memory_stream_pair();
    Writer writer(pair.first);
    CHECK_THROWS_AS(static_cast<void>(writer.try_write("x")), eddy::InvalidState);
}

EDDY_NET_TEST("a forked child drops its copy of a writer, and the parent sends") {
    TcpPair pair = co_await tcp_pair();
    auto writer = std::make_unique<BufferedWriter<TcpStream>>(pair.client);
    co_await writer->write("from the parent");
    pid_t child = 0;
    const int code = fork_here(child);
    if (child == 0) {
        bool refused = false;
        try {
            static_cast<void>(writer->try_write("from the child"));
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
        writer.reset();
        _exit(refused ? 0 : 1);
    }
    CHECK(code == 0);
    co_await writer->flush();
    writer.reset();
    pair.client.close();
    const std::string text = co_await read_all(pair.server);
    CHECK(text == "from the parent");
}

EDDY_ABORT_TEST_CASE("a writer that ends on another thread than its loop's aborts",
                     "a writer was destroyed off its loop's thread") {
    auto [near, far] = memory_stream_pair();
    auto writer = std::make_unique<Writer>(near);
    co_await writer->write("unsent");
    std::thread([&] { writer.reset(); }).join();
    far.close();
}

// --- sockets -----------------------------------------------------------------------------------

EDDY_NET_TEST("a writer over a socket whose peer reads slowly loses nothing and mixes nothing") {
    TcpPair pair = co_await tcp_pair();
    BufferedWriter writer(pair.client, 4096);
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int job = 0; job < 4; ++job) {
        jobs.push_back(eddy::spawn([](auto& to, int who) -> Task<> {
            const std::string line = std::string(1000, static_cast<char>('a' + who)) + "\n";
            for (int i = 0; i < 2000; ++i) {
                co_await to.write(line);
            }
        }(writer, job)));
    }
    auto done = eddy::spawn([](auto& all, auto& to) -> Task<> {
        for (auto& each : all) {
            co_await each;
        }
        co_await to.shutdown();
    }(jobs, writer));
    std::vector<std::byte> buffer(65536);
    std::array<std::size_t, 4> lines{};
    std::size_t column = 0;
    char of = 0;
    bool whole = true;
    while (true) {
        const std::size_t length = co_await pair.server.read_some(buffer);
        if (length == 0) {
            break;
        }
        for (const std::byte byte : std::span(buffer).first(length)) {
            const char letter = static_cast<char>(byte);
            if (column == 1000) {
                whole = whole && letter == '\n';
                ++lines[static_cast<std::size_t>(of - 'a')];
                column = 0;
                continue;
            }
            of = column == 0 ? letter : of;
            whole = whole && letter == of;
            ++column;
        }
    }
    co_await done;
    CHECK(whole);
    for (const std::size_t count : lines) {
        CHECK(count == 2000);
    }
}

EDDY_NET_TEST("a dropped writer over a write half resets the connection") {
    TcpPair pair = co_await tcp_pair();
    auto [reader, half] = std::move(pair.client).split();
    {
        BufferedWriter writer(half);
        co_await writer.write("sent");
        co_await writer.flush();
        co_await writer.write("unsent");
    }
    const auto error = co_await error_of([&, &r = reader] {
        static std::array<std::byte, 8> buffer{};
        return r.read_some(buffer);
    });
    CHECK(error.find("closed") != std::string::npos);
    std::string seen;
    try {
        seen = co_await read_all(pair.server);
    } catch (const eddy::BrokenResource&) {
        seen = "reset";
    }
    CHECK(seen == "reset");
}

EDDY_TEST_CASE("a server's limit on silence ends a writer that waits for a peer") {
    MemoryListener listener({.capacity = 8});
    std::string error;
    eddy::TimePoint ended{};
    const auto handler =
        [](MemoryStream stream, std::string& why, eddy::TimePoint& when) -> Task<> {
        Writer writer(stream, 16);
        try {
            while (true) {
                co_await writer.write("message\n");
            }
        } catch (const eddy::IoError& silent) {
            why = silent.what();
            when = eddy::now();
        }
    };
    eddy::Server server({.silence = 60s});
    const eddy::TimePoint begun = eddy::now();
    auto serving =
        eddy::spawn(eddy::serve(server, listener, handler, std::ref(error), std::ref(ended)));
    MemoryStream client = listener.connect();
    for (int i = 0; i < 200; ++i) {
        co_await eddy::sleep_for(1s);
    }
    CHECK(error.starts_with("write: the peer was silent for 60 s"));
    CHECK(ended - begun >= 60s);
    CHECK(ended - begun <= 90s);
    server.drain();
    co_await serving;
}

// --- memory ------------------------------------------------------------------------------------

#if EDDY_HEAP_HOOKS

EDDY_TEST_CASE_FIFO("an idle writer has no buffer, and a message costs no allocation") {
    auto [near, far] = memory_stream_pair();
    Writer writer(near);
    std::array<std::byte, 4096> buffer{};
    const std::string message(100, 'm');
    std::size_t allocations = 0;
    std::ptrdiff_t bytes = 0;
    for (int i = 0; i < 100; ++i) {
        if (i == 1) {
            allocations = heap_counters().allocations;
            bytes = heap_counters().bytes;
        }
        co_await writer.write(message);
        co_await writer.flush();
        static_cast<void>(co_await far.read_some(buffer));
    }
    if (EDDY_FRAME_POOL) {
        CHECK(heap_counters().allocations == allocations);
    }
    CHECK(heap_counters().bytes == bytes);
}

#endif
