// SPDX-License-Identifier: MIT
#include <eddy/fs/file_stream.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

constexpr OpenOptions both{.access = Access::read_write, .create = Create::may};

Task<FileStream> opened(std::filesystem::path path, OpenOptions options = {}) {
    co_return FileStream(co_await File::open(path, options));
}

template <class S>
Task<std::string> some_of(S& stream, std::size_t size) {
    std::string text(size, '?');
    const std::size_t length = co_await stream.read_some(std::as_writable_bytes(std::span(text)));
    text.resize(length);
    co_return text;
}

/// A stream whose calls wait, of a file that no loop reads.
Task<FileStream> held_stream(const TestDirectory& directory, HeldExecutor& held) {
    held.let_run();
    co_return FileStream(co_await File::open(directory.write("zeros", std::string(100, 'x')),
                                             {.access = Access::read_write, .executor = &held}),
                         100);  // the end: only a thread says that
}

}  // namespace

EDDY_TEST_CASE("a cursor goes through the file, and is moved") {
    const TestDirectory directory;
    FileStream stream = co_await opened(directory / "a", both);
    co_await stream.write_all("hello, ");
    const std::array<std::span<const std::byte>, 3> parts{
        std::as_bytes(std::span(std::string_view("wor"))),
        std::span<const std::byte>(),
        std::as_bytes(std::span(std::string_view("ld")))};
    co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
    const std::size_t one =
        co_await stream.write_some(std::as_bytes(std::span(std::string_view("!"))));
    CHECK(one == 1);
    co_await stream.write_all(std::string());
    CHECK(content_of(directory / "a") == "hello, world!");
    CHECK(stream.position() == 13);
    const std::string end = co_await some_of(stream, 10);
    CHECK(end.empty());
    stream.seek(7);
    const std::string word = co_await some_of(stream, 5);
    CHECK(word == "world");
    CHECK(stream.position() == 12);
    co_await stream.write_all("?!");
    CHECK(content_of(directory / "a") == "hello, world?!");
    CHECK_THROWS_AS(co_await some_of(stream, 0), std::invalid_argument);
    stream.seek(20);
    co_await stream.write_all("far");
    CHECK(content_of(directory / "a").size() == 23);
    co_await stream.file().sync();
}

EDDY_TEST_CASE("what reads lines of connections reads those of files") {
    const TestDirectory directory;
    std::string text;
    std::vector<std::string> expected;
    for (int i = 0; i < 300; ++i) {
        expected.emplace_back(static_cast<std::size_t>(i % 50) * 20,
                              static_cast<char>('a' + i % 26));
        text += expected.back() + "\n";
    }
    FileStream stream = co_await opened(directory.write("lines", text));
    BufferedReader lines(stream);
    std::vector<std::string> got;
    while (true) {
        const auto line = co_await lines.read_line();
        if (!line) {
            break;
        }
        got.emplace_back(*line);
    }
    CHECK(got == expected);
}

EDDY_TEST_CASE("what gathers small writes for connections does so for files") {
    const TestDirectory directory;
    const auto path = directory / "out";
    std::string expected;
    {
        FileStream stream = co_await opened(path, both);
        BufferedWriter writer(stream);
        for (int i = 0; i < 2000; ++i) {
            const std::string line = "line " + std::to_string(i) + "\n";
            expected += line;
            co_await writer.write(line);
        }
        co_await writer.flush();
        CHECK(stream.file().statistics().writes < 500);
    }
    CHECK(content_of(path) == expected);
}

EDDY_TEST_CASE("files are copied to connections, and the other way") {
    const TestDirectory directory;
    std::string text(300'000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(i * 7 % 251);
    }
    const auto path = directory.write("from", text);
    auto [near, far] = memory_stream_pair();
    auto sends = spawn([](auto at, auto& to) -> Task<> {
        FileStream stream = co_await opened(at);
        static_cast<void>(co_await copy(stream, to));
        co_await to.shutdown();
    }(path, near));
    FileStream target = co_await opened(directory / "to", both);
    const std::uint64_t count = co_await copy(far, target);
    CHECK(count == text.size());
    CHECK(content_of(directory / "to") == text);
    co_await sends;
}

EDDY_TEST_CASE("a file goes where any stream goes, and under timeouts") {
    const TestDirectory directory;
    AnyStream any(co_await opened(directory.write("a", "any"), both));
    const std::string got = co_await some_of(any, 10);
    CHECK(got == "any");
    co_await any.write_all("thing");
    CHECK(content_of(directory / "a") == "anything");
    any.close();
    TimedStream timed(co_await opened(directory / "a"), {.idle = 1s});
    const std::string all = co_await some_of(timed, 10);
    CHECK(all == "anything");
}

EDDY_TEST_CASE("one job at a time uses the cursor") {
    const TestDirectory directory;
    HeldExecutor held;
    FileStream stream = co_await held_stream(directory, held);
    auto reader = spawn(
        [](FileStream& of) -> Task<std::string> { co_return co_await some_of(of, 10); }(stream));
    co_await rounds();
    CHECK_THROWS_AS(co_await some_of(stream, 1), BusyResource);
    CHECK_THROWS_AS(co_await stream.write_all("x"), BusyResource);
    CHECK_THROWS_AS(co_await stream.shutdown(), BusyResource);
    CHECK_THROWS_AS(stream.seek(0), BusyResource);
    FileStream moved(std::move(stream));
    CHECK_THROWS_AS(co_await some_of(stream, 1), InvalidState);  // NOLINT(bugprone-use-after-move)
    held.let_all_run();
    const std::string got = co_await reader;
    CHECK(got.empty());
    moved.seek(98);
    const std::string rest = co_await some_of(moved, 10);
    CHECK(rest == "xx");
}

EDDY_TEST_CASE("a stream has its file to itself") {
    const TestDirectory directory;
    File file = co_await File::open(directory.write("a", "1"));
    FileStream stream(std::move(file));
    static_assert(std::is_same_v<decltype(stream.file()), const File&>);
    CHECK_THROWS_AS(FileStream(std::move(file)), InvalidState);  // NOLINT(bugprone-use-after-move)
    co_await stream.file().close();
    CHECK_THROWS_AS(co_await some_of(stream, 1), ClosedResource);
}

EDDY_TEST_CASE("two that read at the same time get nothing twice, and one hears of the other") {
    const TestDirectory directory;
    std::string text;
    for (int i = 1000; i < 2000; ++i) {
        text += std::to_string(i);
    }
    FileStream stream = co_await opened(directory.write("a", text));
    std::string got;
    int busy = 0;
    const auto reads = [&]() -> Task<> {
        bool ended = false;
        while (!ended) {
            bool refused = false;
            try {
                const std::string record = co_await some_of(stream, 4);
                got += record;
                ended = record.empty();
            } catch (const BusyResource&) {
                refused = true;
                ++busy;
            }
            if (refused) {
                co_await yield();
            }
        }
    };
    auto one = spawn(reads());
    auto other = spawn(reads());
    co_await one;
    co_await other;
    CHECK(got == text);
    CHECK(stream.position() == text.size());
    CHECK(busy != 0);
}

EDDY_TEST_CASE("closing ends what waits, and what comes later") {
    const TestDirectory directory;
    for (const bool writes : {false, true}) {
        for (const bool destroys : {false, true}) {
            HeldExecutor held;
            std::optional<FileStream> stream(co_await held_stream(directory, held));
            bool closed = false;
            auto job = spawn([](FileStream& of, bool write, bool& ended) -> Task<> {
                try {
                    if (write) {
                        co_await of.write_all("x");
                    } else {
                        static_cast<void>(co_await some_of(of, 10));
                    }
                } catch (const ClosedResource&) {
                    ended = true;
                }
            }(*stream, writes, closed));
            co_await rounds();
            CHECK(held.submitted() == 2);
            if (destroys) {
                stream.reset();
            } else {
                stream->close();
            }
            co_await job;  // the held thread has not moved
            CHECK(closed);
            if (!destroys) {
                CHECK_THROWS_AS(co_await some_of(*stream, 1), ClosedResource);
                CHECK_THROWS_AS(co_await stream->shutdown(), ClosedResource);
                stream->close();
            }
        }
    }
    FileStream stream = co_await opened(directory / "a", both);
    co_await stream.shutdown();
    co_await stream.shutdown();
    CHECK_THROWS_AS(co_await stream.write_all("x"), ClosedResource);
    const std::string end = co_await some_of(stream, 1);
    CHECK(end.empty());
}

EDDY_TEST_CASE("a cancelled read has read nothing, and can be awaited again") {
    const TestDirectory directory;
    HeldExecutor held;
    FileStream stream = co_await held_stream(directory, held);
    std::array<std::byte, 10> buffer{};
    auto read = stream.read_some(buffer);
    for (int i = 0; i < 2; ++i) {
        const auto lost = co_await select(read, yield());
        CHECK(lost.index() == 1);
        CHECK(stream.position() == 100);
    }
    CHECK(held.submitted() == 3);
    held.let_all_run();
    const std::size_t end = co_await read;
    CHECK(end == 0);
    stream.seek(95);
    const std::size_t length = co_await read;
    CHECK(length == 5);
    CHECK(stream.position() == 100);
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("a write that fails in the middle leaves the cursor; one that appends, a torn end") {
    const TestDirectory directory;
    const std::string text(600'000, 'x');
    for (const bool appends : {false, true}) {
        FileStream stream = co_await opened(
            directory / (appends ? "b" : "a"),
            {.access = appends ? Access::append : Access::write, .create = Create::may});
        co_await stream.write_all("start");
        for (const std::size_t nth : {1UL, 2UL}) {
            const auto call = appends ? FileSystemCall::write : FileSystemCall::pwrite;
            const FailFileCall plan(call, ENOSPC, nth);
            CHECK_THROWS_AS(co_await stream.write_all(text), IoError);
            CHECK(stream.position() == 5);
        }
        if (appends) {
            CHECK_THROWS_AS(co_await stream.write_all("x"), BrokenResource);
            CHECK_THROWS_AS(co_await stream.shutdown(), BrokenResource);
        } else {
            co_await stream.write_all(text);
            CHECK(content_of(directory / "a") == "start" + text);
        }
    }
}

EDDY_TEST_CASE("a reader hears of a failure, and a short read is no end") {
    const TestDirectory directory;
    const auto path = directory.write("a", std::string(200'000, 'x'));
    FileStream stream = co_await opened(path);
    std::size_t total = 0;
    {
        const ShortTransfers plan(777);
        for (std::string got = "x"; !got.empty(); total += got.size()) {
            got = co_await some_of(stream, 100'000);
        }
    }
    CHECK(total == 200'000);
    stream.seek(0);
    const FailFileCall cold(FileSystemCall::preadv2, EAGAIN, 1, FailFileCall::always);
    const std::string got = co_await some_of(stream, 100'000);
    CHECK(got.size() == 100'000);  // one hop
}

#endif

/// A stream at the end of its file, whose calls run when the matrix says so.
namespace {

class StreamFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    static constexpr bool holds_time = true;

    Task<> prepare() { co_return; }
    void complete() { held_.let_all_run(); }

protected:
    explicit StreamFixture(Access access) {
        const auto open = [this, access]() -> Task<> {
            file_.emplace(co_await File::open(directory_.write("a", ""),
                                              {.access = access, .executor = &held_}));
        };
        held_.let_run();
        std::thread([&] { run(open()); }).join();
        stream_.emplace(std::move(*file_));
    }

    /// Two may wait in the matrix, one at a time here.
    template <class F>
    Task<> alone(F use) {
        while (true) {
            auto operation = use();
            try {
                static_cast<void>(co_await operation);
                co_return;
            } catch (const BusyResource&) {
            }
            co_await yield();
        }
    }

    TestDirectory directory_;
    HeldExecutor held_;
    std::optional<File> file_;
    std::optional<FileStream> stream_;
};

class StreamReadFixture : public StreamFixture {
public:
    explicit StreamReadFixture(VirtualClock&) : StreamFixture(Access::read) {}
    Task<> wait() {
        std::vector<std::byte> memory(100);
        co_await alone([&] { return stream_->read_some(memory); });
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return stream_->read_some(kept_); }
    [[nodiscard]] bool intact() const { return stream_->position() == 0; }

private:
    std::array<std::byte, 10> kept_{};
};

/// Of a file that appends: what was withdrawn has not broken it.
class StreamWriteFixture : public StreamFixture {
public:
    explicit StreamWriteFixture(VirtualClock&) : StreamFixture(Access::append) {}
    Task<> wait() {
        const std::string text(100, 'x');
        co_await alone(
            [&] { return stream_->write_some(std::as_bytes(std::span<const char>(text))); });
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    auto operation() { return stream_->write_some(kept_); }
    [[nodiscard]] bool intact() const { return stream_->position() % 10 == 0; }

private:
    std::array<std::byte, 10> kept_{};
};

}  // namespace

EDDY_WAIT_MATRIX("FileStream::read_some", StreamReadFixture)
EDDY_WAIT_MATRIX("FileStream::write_some", StreamWriteFixture)
