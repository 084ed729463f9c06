// SPDX-License-Identifier: MIT
#include <eddy/fs/read_file.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "executor/offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// What reading it throws.
Task<std::string> why_not_read(std::filesystem::path file, std::errc code) {
    try {
        static_cast<void>(co_await read_file(file));
    } catch (const IoError& error) {
        CHECK(error.code() == code);
        co_return error.what();
    }
    co_return "no error";
}

/// Bytes of every value, none of which is where another one is expected.
std::string patterned(std::size_t length) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i) {
        text[i] = static_cast<char>((i * 31) ^ (i >> 8U));
    }
    return text;
}

/// A socket's name among files.
class NamedSocket final {
public:
    explicit NamedSocket(const std::filesystem::path& path) {
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    NamedSocket(const NamedSocket&) = delete;
    NamedSocket& operator=(const NamedSocket&) = delete;
    ~NamedSocket() { ::close(fd_); }

private:
    int fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

}  // namespace

EDDY_TEST_CASE("read_file gives all that is in a file, zeros too") {
    const TestDirectory directory;
    for (const std::size_t length : {0U, 1U, 15U, 16U, 4096U, 4097U, (1U << 18U) - 1, 1U << 18U}) {
        const std::string content = patterned(length);
        const auto file = directory.write("a", content);
        const std::string text = co_await read_file(file);
        CHECK(text == content);
    }
    const std::string large = patterned(10'000'000);
    const std::string text = co_await read_file(directory.write("large", large));
    CHECK(text == large);
}

EDDY_TEST_CASE("a file that is as long as the limit is read, a longer one is an error") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    const std::string all = co_await read_file(file, {.limit = 5});
    CHECK(all == "12345");
    const std::string nothing = co_await read_file(directory.write("b", ""), {.limit = 0});
    CHECK(nothing.empty());
    const std::string unlimited = co_await read_file(file, {.limit = static_cast<std::size_t>(-1)});
    CHECK(unlimited == "12345");
    std::string message;
    try {
        static_cast<void>(co_await read_file(file, {.limit = 4}));
    } catch (const LimitExceeded& error) {
        message = error.what();
    }
    CHECK(message == "read " + file.string() +
                         ": it has more than 4 bytes: read it in pieces by File, or allow more by "
                         "ReadFileOptions::limit");
    CHECK_THROWS_AS(static_cast<void>(co_await read_file(file, {.limit = 0})), LimitExceeded);
    CHECK_THROWS_AS(static_cast<void>(read_file(file, {.limit = -1})), std::invalid_argument);
}

EDDY_TEST_CASE("what does not say how long it is, is read to its end") {
    const std::string status = co_await read_file("/proc/self/status");
    CHECK(status.find("\nPPid:") != std::string::npos);
    CHECK(status.back() == '\n');
    // Longer than what it gives at once.
    const std::string maps = co_await read_file("/proc/self/smaps");
    CHECK(maps.size() > 5000);
    CHECK(maps.back() == '\n');
    const std::string none = co_await read_file("/dev/null");
    CHECK(none.empty());
    CHECK_THROWS_AS(static_cast<void>(co_await read_file("/dev/zero", {.limit = 100'000})),
                    LimitExceeded);
}

EDDY_TEST_CASE("what is no file, or may keep its reader waiting for ever, is refused in words") {
    const TestDirectory directory;
    const auto missing = directory / "missing";
    std::string text = co_await why_not_read(missing, std::errc::no_such_file_or_directory);
    CHECK(text == "open " + missing.string() + ": No such file or directory");
    text = co_await why_not_read(directory.path(), std::errc::is_a_directory);
    CHECK(text == "open " + directory.path().string() + ": Is a directory");

    const auto fifo = directory / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    text = co_await why_not_read(fifo, std::errc::operation_not_supported);
    CHECK(text == "open " + fifo.string() + " (a FIFO, not a file): Operation not supported");

    const auto socket = directory / "socket";
    const NamedSocket named(socket);
    text = co_await why_not_read(socket, std::errc::operation_not_supported);
    CHECK(text == "open " + socket.string() + " (a socket, not a file): Operation not supported");

    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    REQUIRE(::unlockpt(terminal) == 0);
    const std::string name = ::ptsname(terminal);
    text = co_await why_not_read(name, std::errc::operation_not_supported);
    ::close(terminal);
    CHECK(text == "open " + name + " (a terminal, not a file): Operation not supported");
}

EDDY_TEST_CASE("the file is looked for when the call runs, on the executor of the options") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    HeldExecutor held;
    auto call = read_file(file, {.executor = &held});
    CHECK(held.submitted() == 0);
    const auto read = [&]() -> Task<std::string> { co_return co_await call; };
    auto job = spawn(read());
    co_await rounds();
    CHECK(held.submitted() == 1);
    std::filesystem::remove(file);
    held.let_run();
    CHECK_THROWS_AS(static_cast<void>(co_await job), IoError);
    CHECK_THROWS_AS(static_cast<void>(co_await call), InvalidState);
}

EDDY_TEST_CASE("a call that is cancelled while it is queued never runs") {
    const TestDirectory directory;
    HeldExecutor held;
    CancelScope scope;
    const auto read = [&]() -> Task<> {
        static_cast<void>(co_await read_file(directory / "missing", {.executor = &held}));
    };
    auto job = spawn(with_scope(scope, read()));
    co_await rounds();
    scope.cancel("not needed");
    const bool completed = co_await job;
    CHECK_FALSE(completed);
}

TEST_CASE("a read of a file is safe to cancel at any checkpoint") {
    const TestDirectory directory;
    const auto file = directory.write("a", patterned(100'000));
    const std::size_t checkpoints = cancel_at_each_checkpoint([&]() -> Task<> {
        HeldExecutor held;
        held.let_all_run();
        const std::string text = co_await read_file(file, {.executor = &held});
        CHECK(text.size() == 100'000);
    });
    CHECK(checkpoints >= 1);
}

/// As a task: a call is awaited once.
class ReadFileFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit ReadFileFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        const std::string text = co_await read_file(file_, {.executor = &held_});
        CHECK(text == "12345");
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { held_.let_all_run(); }
    bool intact() const { return true; }

private:
    TestDirectory directory_;
    std::filesystem::path file_ = directory_.write("a", "12345");
    HeldExecutor held_;
};

EDDY_WAIT_MATRIX("read_file", ReadFileFixture)

#if EDDY_FILE_CALL_FAULTS

namespace {

/// Does something before each read of a file, on its thread, and notes how much was asked for.
class BeforeReads final : public FilePlan {
public:
    explicit BeforeReads(std::function<void(int)> what) : what_(std::move(what)) {}
    int error_of(FileSystemCall call) noexcept override {
        if (call == FileSystemCall::pread) {
            what_(++reads);
        }
        return 0;
    }
    std::size_t most(FileSystemCall call, std::size_t length) noexcept override {
        asked += call == FileSystemCall::pread ? length : 0;
        return length;
    }

    int reads = 0;
    std::size_t asked = 0;

private:
    const std::function<void(int)> what_;
};

/// Holds the first read until it is let go.
class HeldRead final {
public:
    void wait_until_it_reads() { reads_.acquire(); }
    void let_go() { released_.release(); }
    [[nodiscard]] int reads() const { return plan_.reads; }

private:
    std::binary_semaphore reads_{0};
    std::binary_semaphore released_{0};
    BeforeReads plan_{[this](int number) {
        if (number == 1) {
            reads_.release();
            released_.acquire();
        }
    }};
};

}  // namespace

EDDY_TEST_CASE("a file that says how long it is takes four calls, one of which reads") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    const FailFileCall counted(FailFileCall::any, 0, 0);
    const std::string text = co_await read_file(file);
    CHECK(text == "12345");
    CHECK(counted.calls() == 4);  // openat, fstat, pread, close
}

EDDY_TEST_CASE("short reads make no difference") {
    const TestDirectory directory;
    const std::string content = patterned(1000);
    const auto file = directory.write("a", content);
    for (const std::size_t most : {1U, 7U, 999U, 1000U}) {
        const ShortTransfers plan(most);
        const std::string text = co_await read_file(file, {.limit = 1000});
        CHECK(text == content);
        CHECK_THROWS_AS(static_cast<void>(co_await read_file("/dev/zero", {.limit = 1000})),
                        LimitExceeded);
    }
}

EDDY_TEST_CASE("of a file that is too long, at most one byte more than the limit is asked for") {
    const BeforeReads plan([](int) {});
    CHECK_THROWS_AS(static_cast<void>(co_await read_file("/dev/zero", {.limit = 100'000})),
                    LimitExceeded);
    CHECK(plan.asked == 100'001);
}

EDDY_TEST_CASE("a file that grows or shrinks while it is read is read to the end it has then") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    {
        const BeforeReads grows([&](int number) {
            if (number <= 2) {
                std::ofstream(file, std::ios::app) << patterned(3000);
            }
        });
        const std::string text = co_await read_file(file);
        CHECK(text == "12345" + patterned(3000) + patterned(3000));
    }
    {
        const BeforeReads shrinks([&](int) { std::filesystem::resize_file(file, 3); });
        const std::string text = co_await read_file(file);
        CHECK(text == "123");
    }
    {
        const BeforeReads grows([&](int) { std::ofstream(file, std::ios::app) << "x"; });
        CHECK_THROWS_AS(static_cast<void>(co_await read_file(file, {.limit = 3})), LimitExceeded);
    }
}

EDDY_TEST_CASE("whatever call fails, it is an IoError that says which, and nothing stays open") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    for (std::size_t nth = 1;; ++nth) {
        const FailFileCall plan(FailFileCall::any, EIO, nth);
        std::string message;
        try {
            const std::string text = co_await read_file(file);
            CHECK(text == "12345");
        } catch (const IoError& error) {
            CHECK(error.code() == std::errc::io_error);
            message = error.what();
        }
        if (plan.failed() == 0) {
            CHECK(nth == 5);
            break;
        }
        constexpr std::string_view verbs[] = {"open", "stat", "read", ""};
        REQUIRE(nth <= 4);
        const std::string verb(verbs[nth - 1]);  // nothing was written: its close may fail
        CHECK(message == (verb.empty() ? "" : verb + " " + file.string() + ": Input/output error"));
    }
}

EDDY_TEST_CASE("a device that has no offsets is read as it comes") {
    const TestDirectory directory;
    const auto file = directory.write("a", patterned(10'000));
    const FailFileCall plan(FileSystemCall::pread, ESPIPE, 1, FailFileCall::always);
    const std::string text = co_await read_file(file);
    CHECK(text == patterned(10'000));
}

EDDY_TEST_CASE("a signal ends no read, and a lease on the file is waited for") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    for (std::size_t nth = 1; nth <= 3; ++nth) {
        const FailFileCall plan(
            nth == 1 ? FileSystemCall::openat : FileSystemCall::pread, EINTR, 1, nth);
        const std::string text = co_await read_file(file);
        CHECK(text == "12345");
    }
    const FailFileCall once(FileSystemCall::openat, EWOULDBLOCK, 1);
    const std::string text = co_await read_file(file);
    CHECK(text == "12345");
    CHECK(once.calls() == 2);
}

EDDY_TEST_CASE("a read that is cancelled is left alone: the job goes on at once") {
    const TestDirectory directory;
    const auto file = directory.write("a", patterned(1'000'000));
    std::optional<HeldExecutor> held;
    held.emplace().let_all_run();
    HeldRead read;
    CancelScope scope;
    const auto reads = [&]() -> Task<> {
        static_cast<void>(co_await read_file(file, {.executor = &*held}));
    };
    auto job = spawn(with_scope(scope, reads()));
    co_await rounds();
    read.wait_until_it_reads();
    scope.cancel("not needed");
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    read.let_go();
    held.reset();  // waits for it
    CHECK(read.reads() == 1);
}

TEST_CASE("a read that hangs delays no end of its loop, and may end after it") {
    const TestDirectory directory;
    const auto file = directory.write("a", patterned(1'000'000));
    HeldExecutor held;
    held.let_all_run();
    HeldRead read;
    VirtualClock clock;
    {
        Loop loop({.clock = &clock});
        const auto main = [&]() -> Task<> {
            spawn([](std::filesystem::path from, HeldExecutor& on) -> Task<> {
                static_cast<void>(co_await read_file(from, {.executor = &on}));
            }(file, held))
                .detach();
            co_await rounds();
            read.wait_until_it_reads();
        };
        loop.run(main());
    }
    read.let_go();
}

#endif
