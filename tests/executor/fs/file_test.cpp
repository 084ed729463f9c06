// SPDX-License-Identifier: MIT
#include <eddy/fs/file.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// What opening and closing it throws; "" if nothing.
Task<std::string> refused(std::filesystem::path path, std::errc code, OpenOptions options = {}) {
    try {
        File file = co_await File::open(path, options);
        co_await file.close();
        co_return "";
    } catch (const IoError& error) {
        CHECK(error.code() == code);
        co_return error.what();
    }
}

}  // namespace

EDDY_TEST_CASE("a file is opened to be read, unless told otherwise") {
    const TestDirectory directory;
    const auto path = directory.write("a", "12345");
    File file = co_await File::open(path);
    CHECK(file.is_open());
    CHECK(file.path() == path.string());
    CHECK((::fcntl(file.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    const FileStatus status = co_await file.status();
    CHECK(status.size == 5);
    CHECK(status.is_regular());
    CHECK_THROWS_AS(co_await file.write_at(0, "x"), InvalidState);
    CHECK_THROWS_AS(co_await file.append("x"), InvalidState);
    CHECK_THROWS_AS(co_await file.truncate(0), InvalidState);
    co_await file.sync();  // what others have written, say
    co_await file.advise(Advice::sequential);
    CHECK(file.statistics().running == 0);
}

EDDY_TEST_CASE("files are made, or not, and truncated as they are told") {
    const TestDirectory directory;
    const auto path = directory / "new";
    const std::string none =
        co_await refused(path, std::errc::no_such_file_or_directory, {.access = Access::write});
    CHECK(none == "open " + path.string() + ": No such file or directory");
    const OpenOptions must{.access = Access::write, .create = Create::must, .mode = 0600};
    {
        File file = co_await File::open(path, must);
        co_await file.write_at(0, "hello");
        const FileStatus status = co_await file.status();
        CHECK(status.mode == 0600);
    }
    const std::string there = co_await refused(path, std::errc::file_exists, must);
    CHECK(there == "open " + path.string() + ": File exists");
    File kept = co_await File::open(path, {.access = Access::read_write, .create = Create::may});
    const FileStatus before = co_await kept.status();
    CHECK(before.size == 5);
    const File cut = co_await File::open(path, {.access = Access::append, .truncate = true});
    const FileStatus after = co_await kept.status();
    CHECK(after.size == 0);
}

EDDY_TEST_CASE("options that contradict each other say what to do") {
    CHECK_THROWS_AS((void)File::open("/tmp/a", {.truncate = true}), std::invalid_argument);
    CHECK_THROWS_AS((void)File::open("/tmp/a", {.create = Create::must}), std::invalid_argument);
    CHECK_THROWS_AS((void)File::open(std::string("a\0b", 3)), std::invalid_argument);
    co_return;
}

EDDY_TEST_CASE("what is no file is refused in words, and keeps no thread") {
    const TestDirectory directory;
    const auto fifo = directory / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    for (const Access access : {Access::read, Access::write, Access::read_write}) {
        const std::string text =
            co_await refused(fifo, std::errc::operation_not_supported, {.access = access});
        CHECK(text == "open " + fifo.string() + " (a FIFO, not a file): Operation not supported");
    }
    const std::string socket_path = (directory / "socket").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(socket_path.size() < sizeof(address.sun_path));
    socket_path.copy(address.sun_path, socket_path.size());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    const std::string socket = co_await refused(socket_path, std::errc::operation_not_supported);
    CHECK(socket.find("(a socket, not a file)") != std::string::npos);
    ::close(listener);
    for (const Access access : {Access::read, Access::write}) {
        const std::string text =
            co_await refused(directory.path(), std::errc::is_a_directory, {.access = access});
        CHECK(text == "open " + directory.path().string() + ": Is a directory");
    }
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0) {
        const std::string text =
            co_await refused(::ptsname(terminal), std::errc::operation_not_supported);
        CHECK(text.find("(a terminal") != std::string::npos);
    }
    ::close(terminal);
}

EDDY_TEST_CASE("devices are files, and wait as they do elsewhere") {
    File zeros = co_await File::open("/dev/zero");
    CHECK((::fcntl(zeros.native_handle(), F_GETFL) & O_NONBLOCK) == 0);
    std::array<std::byte, 100> buffer{std::byte{1}};
    const std::size_t length = co_await zeros.read_at(0, buffer);
    CHECK(length == 100);
    CHECK(buffer[0] == std::byte{0});
    File full = co_await File::open("/dev/full", {.access = Access::write});
    bool failed = false;
    try {
        co_await full.write_at(0, "x");
    } catch (const IoError& error) {
        failed = true;
        CHECK(std::string(error.what()) == "write /dev/full: No space left on device");
    }
    CHECK(failed);
}

EDDY_TEST_CASE("a symlink is followed, unless told otherwise") {
    const TestDirectory directory;
    directory.write("a", "1");
    const auto link = directory / "link";
    std::filesystem::create_symlink("a", link);
    const std::string followed = co_await refused(link, std::errc(), {});
    CHECK(followed.empty());
    const std::string text =
        co_await refused(link, std::errc::too_many_symbolic_link_levels, {.follow = false});
    CHECK(text == "open " + link.string() +
                      " (a symlink, and follow is false): Too many levels of symbolic links");
    std::filesystem::create_symlink("loop", directory / "loop");
    const std::string round = co_await refused(
        directory / "loop" / "a", std::errc::too_many_symbolic_link_levels, {.follow = false});
    CHECK(round ==
          "open " + (directory / "loop" / "a").string() + ": Too many levels of symbolic links");
}

EDDY_TEST_CASE("a file that was moved from says so, and so does one that is closed") {
    const TestDirectory directory;
    File file = co_await File::open(directory.write("a", "1"));
    std::array<std::byte, 1> buffer{};
    auto read = file.read_at(0, buffer);
    File other(std::move(file));
    CHECK_FALSE(file.is_open());  // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(static_cast<void>(co_await file.read_at(0, buffer)), InvalidState);
    CHECK_THROWS_AS(co_await file.close(), InvalidState);
    CHECK_THROWS_AS((void)file.native_handle(), InvalidState);
    const std::size_t length = co_await read;  // it is the file's, not that variable's
    CHECK(length == 1);
    co_await other.close();
    CHECK_FALSE(other.is_open());
    CHECK_THROWS_AS(static_cast<void>(co_await read), ClosedResource);
    CHECK_THROWS_AS((void)other.native_handle(), ClosedResource);
    CHECK(other.path() == (directory / "a").string());
    co_await other.close();  // again: the same end
}

EDDY_TEST_CASE("a call that is awaited again says which, and what to do") {
    const TestDirectory directory;
    auto call = File::open(directory.write("a", "1"));
    const File file = co_await call;
    std::string text;
    try {
        static_cast<void>(co_await call);
    } catch (const InvalidState& error) {
        text = error.what();
    }
    CHECK(text == "File::open: this call has been awaited, which goes once: call it again");
}

EDDY_TEST_CASE("an open that makes a file is awaited once it runs; one that reads is left alone") {
    const TestDirectory directory;
    const auto path = directory.write("a", "1");
    for (const bool makes : {false, true}) {
        HeldExecutor held;
        CancelScope scope;
        const OpenOptions options{.access = makes ? Access::write : Access::read,
                                  .create = makes ? Create::may : Create::no,
                                  .executor = &held};
        const auto name = makes ? directory / "b" : path;
        auto job = spawn(with_scope(scope, [](auto at, OpenOptions how) -> Task<> {
            const File file = co_await File::open(at, how);
        }(name, options)));
        co_await rounds();
        CHECK(held.submitted() == 1);
        scope.cancel();
        const bool completed = co_await job;  // queued: withdrawn in both cases
        CHECK_FALSE(completed);
        held.let_all_run();
    }
    CHECK(directory.entries() == 1);
}

TEST_CASE("a file may be made by one loop and used by the next") {
    const TestDirectory directory;
    const auto path = directory.write("a", "12345");
    std::optional<File> file;
    run([](auto at, auto& into) -> Task<> { into.emplace(co_await File::open(at)); }(path, file));
    run([](auto& of) -> Task<> {
        std::array<std::byte, 8> buffer{};
        const std::size_t length = co_await of->read_at(0, buffer);
        CHECK(length == 5);
    }(file));
    file.reset();  // here, where there is no loop
}

TEST_CASE("cancelled at each checkpoint, a file leaves nothing open") {
    const TestDirectory directory;
    const auto path = directory.write("a", std::string(100, 'x'));
    const auto scenario = [&]() -> Task<> {
        File file = co_await File::open(path, {.access = Access::read_write});
        std::array<std::byte, 64> buffer{};
        static_cast<void>(co_await file.read_at(0, buffer));
        static_cast<void>(co_await file.read_at(64, buffer));
        co_await file.write_at(50, "yyyy");
        co_await file.sync_data();
        co_await file.close();
    };
    const std::size_t count = cancel_at_each_checkpoint(scenario);
    CHECK(count >= 6);
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("whatever call fails, opening leaves no descriptor and no new file") {
    const TestDirectory directory;
    std::size_t nth = 1;
    for (bool failed = true; failed; ++nth) {
        const FailFileCall plan(FailFileCall::any, EIO, nth);
        const auto path = directory / ("new" + std::to_string(nth));
        const std::string text = co_await refused(
            path, std::errc::io_error, {.access = Access::write, .create = Create::must});
        failed = plan.failed() != 0;
        const bool made = std::filesystem::exists(path);
        if (failed && plan.which() == FileSystemCall::openat) {
            CHECK(text == "open " + path.string() + ": Input/output error");
            CHECK_FALSE(made);
        } else {
            CHECK(text == (failed ? "close " + path.string() + ": Input/output error" : ""));
            CHECK(made);
        }
    }
    CHECK(nth >= 3);
}

EDDY_TEST_CASE("a file that somebody has a lease on is waited for, on the worker") {
    const TestDirectory directory;
    const auto path = directory.write("a", "1");
    const FailFileCall plan(FileSystemCall::openat, EWOULDBLOCK, 1);
    const File file = co_await File::open(path);
    CHECK(plan.calls() == 2);
}

namespace {

/// Somebody has a lease on the file, and when he has returned it the name is a FIFO's.
class SwappedForFifo final : public FilePlan {
public:
    explicit SwappedForFifo(std::string path) : path_(std::move(path)) {}
    ~SwappedForFifo() override { end(); }
    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        const int count = call == FileSystemCall::openat ? ++opens_ : 0;
        if (count == 2) {
            ::unlink(path_.c_str());
            ::mkfifo(path_.c_str(), 0600);
        }
        return count == 1 ? EWOULDBLOCK : 0;
    }

private:
    const std::string path_;
    std::atomic<int> opens_{0};
};

}  // namespace

EDDY_TEST_CASE("what a file with a lease has become in the meantime keeps no thread") {
    const TestDirectory directory;
    for (const Access access : {Access::read, Access::write}) {
        const auto path = directory.write("a", "1");
        const SwappedForFifo plan(path.string());
        const std::string text =
            co_await refused(path, std::errc::operation_not_supported, {.access = access});
        CHECK(text == "open " + path.string() + " (a FIFO, not a file): Operation not supported");
        std::filesystem::remove(path);
    }
}

EDDY_TEST_CASE("an open that waits for a lease hears that it should stop") {
    const TestDirectory directory;
    const auto path = directory.write("a", "1");
    const FailFileCall plan(FileSystemCall::openat, EWOULDBLOCK, 1, FailFileCall::always);
    CancelScope scope;
    auto job = spawn(with_scope(scope, [](auto at) -> Task<> {
        const File file = co_await File::open(at, {.access = Access::write});
    }(path)));
    co_await until([&] { return plan.calls() >= 2; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
}
#endif
