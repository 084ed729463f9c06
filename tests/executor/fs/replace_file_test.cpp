// SPDX-License-Identifier: MIT
#include <eddy/fs/replace_file.hpp>

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "skip.hpp"

using namespace eddy;
using namespace eddy::testing;
namespace stdfs = std::filesystem;

namespace {

struct stat status_of(const stdfs::path& path) {
    struct stat status = {};
    CHECK(::lstat(path.c_str(), &status) == 0);
    return status;
}

/// What replacing it says; the directory must be as it was.
Task<std::string> refusal(const TestDirectory& directory, const stdfs::path path, std::errc code) {
    const std::size_t before = directory.entries();
    std::string text = "no error";
    try {
        co_await replace_file(path, "new");
    } catch (const IoError& error) {
        CHECK(error.code() == code);
        text = error.what();
    }
    CHECK(directory.entries() == before);
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("a file has its new content, or is made, and nothing else is left") {
    const TestDirectory directory;
    const auto file = directory / "a";
    co_await replace_file(file, "first");
    CHECK(content_of(file) == "first");
    co_await replace_file(file, std::string(3 << 20, 'x'));
    CHECK(content_of(file) == std::string(3 << 20, 'x'));
    co_await replace_file(file, "", {.durable = false});
    CHECK(content_of(file).empty());
    const std::vector<std::byte> bytes{std::byte{1}, std::byte{0}, std::byte{255}};
    co_await replace_file(file, std::span(bytes));
    CHECK(content_of(file) == std::string("\1\0\xff", 3));
    CHECK(directory.entries() == 1);
}

EDDY_TEST_CASE("a new file has the mode that is asked for, less the umask") {
    const TestDirectory directory;
    const mode_t mask = ::umask(027);
    co_await replace_file(directory / "a", "");
    co_await replace_file(directory / "b", "", {.mode = 0777});
    ::umask(mask);
    CHECK((status_of(directory / "a").st_mode & 07777) == 0640);
    CHECK((status_of(directory / "b").st_mode & 07777) == 0750);
}

EDDY_TEST_CASE("a file that is there keeps its permissions, also those of who may not write") {
    const TestDirectory directory;
    for (const mode_t mode : {0400U, 0666U, 04755U, 0000U}) {
        const auto file = directory.write("a", "old");
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        co_await replace_file(file, "new", {.mode = 0640});
        CHECK((status_of(file).st_mode & 07777) == mode);
        ::chmod(file.c_str(), 0600);
        CHECK(content_of(file) == "new");
    }
}

EDDY_TEST_CASE("owner and group stay, or are the caller's, and set-id bits go with them") {
    if (::geteuid() != 0) {
        skip("only root can give files away");
        co_return;
    }
    const TestDirectory directory;
    const auto file = directory.write("a", "old");
    REQUIRE(::chown(file.c_str(), 1234, 2345) == 0);
    REQUIRE(::chmod(file.c_str(), 06755) == 0);
    co_await replace_file(file, "new");
    CHECK(status_of(file).st_uid == 1234);
    CHECK(status_of(file).st_gid == 2345);
    CHECK((status_of(file).st_mode & 07777) == 06755);
    co_await replace_file(file, "newer", {.keep_owner = false});
    CHECK(status_of(file).st_uid == 0);
    CHECK((status_of(file).st_mode & 07777) == 0755);
}

EDDY_TEST_CASE("a user's attributes and the access list stay; no list comes from the directory") {
    const TestDirectory directory;
    const auto file = directory.write("a", "old");
    if (::setxattr(file.c_str(), "user.colour", "blue", 4, 0) != 0) {
        skip("a file system without attributes");
        co_return;
    }
    const std::string long_value(2000, 'v');
    REQUIRE(::setxattr(file.c_str(), "user.long", long_value.data(), long_value.size(), 0) == 0);
    co_await replace_file(file, "new");
    std::string value(4000, '\0');
    CHECK(::getxattr(file.c_str(), "user.colour", value.data(), value.size()) == 4);
    CHECK(value.starts_with("blue"));
    CHECK(::getxattr(file.c_str(), "user.long", value.data(), value.size()) == 2000);

    // Version 2; rwx for the owner, user 1234, the group, the mask; nothing for others.
    const std::string list(
        "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\7\0\xd2\4\0\0\4\0\7\0\xff\xff\xff\xff"
        "\x10\0\7\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
        44);
    const char* const of_files = "system.posix_acl_access";
    if (::setxattr(
            directory.path().c_str(), "system.posix_acl_default", list.data(), list.size(), 0) !=
        0) {
        skip("a file system without access lists");
        co_return;
    }
#if EDDY_FILE_CALL_FAULTS
    {
        const FailFileCall plan(FileSystemCall::fremovexattr, EACCES, 1);
        const std::string text = co_await refusal(directory, file, std::errc::permission_denied);
        CHECK(text == "replace " + file.string() +
                          " (its attribute system.posix_acl_access): Permission denied");
    }
#endif
    co_await replace_file(file, "without");
    CHECK(::getxattr(file.c_str(), of_files, value.data(), value.size()) < 0);
    REQUIRE(::setxattr(file.c_str(), of_files, list.data(), list.size(), 0) == 0);
    co_await replace_file(file, "with");
    const auto length = ::getxattr(file.c_str(), of_files, value.data(), value.size());
    CHECK(length == static_cast<ssize_t>(list.size()));
    CHECK(value.starts_with(list));
    CHECK((status_of(file).st_mode & 0777) == 0770);
}

EDDY_TEST_CASE("symlinks stay, and what they lead to is replaced, or made") {
    const TestDirectory directory;
    stdfs::create_directory(directory / "sub");
    stdfs::create_directory(directory / "other");
    directory.write("sub/target", "old");
    stdfs::create_symlink("../sub/target", directory / "other/second");
    stdfs::create_symlink(directory / "other/second", directory / "first");
    co_await replace_file(directory / "first", "new");
    CHECK(content_of(directory / "sub/target") == "new");
    CHECK(stdfs::is_symlink(directory / "first"));
    CHECK(stdfs::is_symlink(directory / "other/second"));
    stdfs::create_symlink("sub/" + std::string(200, 'n'), directory / "dangling");
    co_await replace_file(directory / "dangling", "made");
    CHECK(content_of(directory / "sub" / std::string(200, 'n')) == "made");

    stdfs::create_symlink("loop", directory / "loop");
    const std::string loop =
        co_await refusal(directory, directory / "loop", std::errc::too_many_symbolic_link_levels);
    CHECK(loop.starts_with("replace " + (directory / "loop").string() + ": "));
}

EDDY_TEST_CASE("a link to an open file is followed as long as that has its name") {
    const TestDirectory directory;
    const auto file = directory.write("a", "old");
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const int others = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    co_await replace_file(link, "new");
    CHECK(content_of(file) == "new");
    // What has the name now is another one.
    for (const int removed : {others, fd}) {
        const std::string text = co_await refusal(directory,
                                                  "/proc/self/fd/" + std::to_string(removed),
                                                  std::errc::no_such_file_or_directory);
        CHECK(text.find("no such name any more") != std::string::npos);
        stdfs::remove(file);
    }
    ::close(others);
    ::close(fd);
    CHECK(directory.entries() == 0);
}

EDDY_TEST_CASE("a stranger's link where everybody may write is not followed") {
    if (::geteuid() != 0) {
        skip("only root can give links away");
        co_return;
    }
    const TestDirectory directory;
    const auto target = directory.write("target", "old");
    const auto shared = directory / "shared";
    stdfs::create_directory(shared);
    REQUIRE(::chmod(shared.c_str(), 01777) == 0);
    stdfs::create_symlink(target, shared / "link");
    co_await replace_file(shared / "link", "ours");
    CHECK(content_of(target) == "ours");
    REQUIRE(::lchown((shared / "link").c_str(), 1234, 1234) == 0);
    const std::string text =
        co_await refusal(directory, shared / "link", std::errc::permission_denied);
    CHECK(text.find("a stranger's link") != std::string::npos);
    CHECK(content_of(target) == "ours");
}

EDDY_TEST_CASE("what is no plain file, or in no directory, is refused in words") {
    const TestDirectory directory;
    stdfs::create_directory(directory / "sub");
    REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    directory.write("file", "");
    const auto says = [&](std::string_view name, std::errc code) {
        return refusal(directory, directory / name, code);
    };
    const std::string in = "replace " + directory.path().string() + "/";
    CHECK_EQ(co_await says("sub", std::errc::is_a_directory), in + "sub: Is a directory");
    CHECK_EQ(co_await says("sub/", std::errc::is_a_directory), in + "sub/: Is a directory");
    CHECK_EQ(co_await says("sub/..", std::errc::is_a_directory), in + "sub/..: Is a directory");
    CHECK_EQ(co_await says("fifo", std::errc::invalid_argument),
             in + "fifo (it is a FIFO): Invalid argument");
    CHECK_EQ(co_await says("none/a", std::errc::no_such_file_or_directory),
             in + "none/a (its directory): No such file or directory");
    CHECK_EQ(co_await says("file/a", std::errc::not_a_directory),
             in + "file/a (its directory): Not a directory");
    const std::string device =
        co_await refusal(directory, "/dev/null", std::errc::invalid_argument);
    CHECK(device == "replace /dev/null (it is a device): Invalid argument");
    const std::string nothing =
        co_await refusal(directory, "", std::errc::no_such_file_or_directory);
    CHECK(nothing == "replace \"\": No such file or directory");
    CHECK_THROWS_AS((void)replace_file(std::string("a\0b", 3), ""), std::invalid_argument);
    const std::string proc =
        co_await refusal(directory, "/proc/version", std::errc::no_such_file_or_directory);
    CHECK(proc.starts_with("replace /proc/version (a new file beside it): "));
}

EDDY_TEST_CASE("the longest names do, and those that are no text") {
    const TestDirectory directory;
    for (const std::string& name : {std::string(255, 'n'), std::string("\xff\n\x80")}) {
        co_await replace_file(directory / name, "one");
        co_await replace_file(directory / name, "two");
        CHECK(content_of(directory / name) == "two");
    }
    co_await refusal(directory, directory / std::string(256, 'n'), std::errc::filename_too_long);
}

EDDY_TEST_CASE("other names of a file keep the old content; a file of many jobs is one of theirs") {
    const TestDirectory directory;
    const auto file = directory.write("a", "old");
    stdfs::create_hard_link(file, directory / "b");
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (const char letter : {'1', '2', '3', '4', '5', '6'}) {
            group.spawn([](stdfs::path path, char fill) -> Task<> {
                co_await replace_file(path, std::string(10000, fill), {.durable = false});
            }(file, letter));
        }
        co_return;
    });
    CHECK(content_of(directory / "b") == "old");
    const std::string content = content_of(file);
    CHECK(content == std::string(10000, content.at(0)));
    CHECK(directory.entries() == 2);
}

EDDY_TEST_CASE("a directory that goes away, and comes again, is not written to") {
    const TestDirectory directory;
    stdfs::create_directory(directory / "sub");
    HeldExecutor held;
    auto job = spawn([](stdfs::path path, Executor& on) -> Task<> {
        co_await replace_file(path, "new", {.executor = &on});
    }(directory / "sub/a", held));
    co_await until([&] { return held.submitted() == 1; });
    stdfs::remove(directory / "sub");
    held.let_all_run();
    CHECK_THROWS_AS(co_await job, IoError);
    CHECK(directory.entries() == 0);
}

// --- cancelled ----------------------------------------------------------------------------------

EDDY_TEST_CASE("cancelled while it is queued, the file is as it was") {
    const TestDirectory directory;
    const auto file = directory.write("a", "old");
    HeldExecutor held;
    CancelScope scope;
    const auto replaces = [&]() -> Task<> {
        co_await replace_file(file, "new", {.executor = &held});
    };
    auto job = spawn(with_scope(scope, replaces()));
    co_await until([&] { return held.submitted() == 1; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    held.let_all_run();
    CHECK(content_of(file) == "old");
    CHECK(directory.entries() == 1);
}

#if EDDY_FILE_CALL_FAULTS
namespace {

/// Stops the worker at a call until the test lets it go on.
class Pauses final : public FilePlan {
public:
    explicit Pauses(FileSystemCall at) noexcept : at_(at) {}
    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        if (call == at_ && !std::exchange(done_, true)) {
            here_.store(true);
            go_on_.acquire();
        }
        return 0;
    }
    [[nodiscard]] bool here() const noexcept { return here_.load(); }
    void go_on() { go_on_.release(); }

private:
    const FileSystemCall at_;
    bool done_ = false;
    std::atomic<bool> here_{false};
    std::binary_semaphore go_on_{0};
};

/// Cancels a replacement while its worker is at that call; whether it happened.
Task<bool> cancelled_at(FileSystemCall call, const stdfs::path file) {
    Pauses plan(call);
    CancelScope scope;
    const auto replaces = [&]() -> Task<> { co_await replace_file(file, "new"); };
    auto job = spawn(with_scope(scope, replaces()));
    co_await until([&] { return plan.here(); });
    scope.cancel();
    co_await rounds();
    plan.go_on();
    const bool completed = co_await job;
    co_return completed;
}

}  // namespace

EDDY_TEST_CASE("cancelled before the rename, nothing has changed; from there on, it counts") {
    const TestDirectory directory;
    for (const auto call : {FileSystemCall::openat,
                            FileSystemCall::pwrite,
                            FileSystemCall::fchmod,
                            FileSystemCall::fsync}) {
        const auto file = directory.write("a", "old");
        const bool happened = co_await cancelled_at(call, file);
        CHECK_FALSE(happened);
        CHECK(content_of(file) == "old");
        CHECK(directory.entries() == 1);
    }
    const auto file = directory.write("a", "old");
    const bool happened = co_await cancelled_at(FileSystemCall::renameat, file);
    CHECK(happened);
    CHECK(content_of(file) == "new");
    CHECK(directory.entries() == 1);
}
#endif

TEST_CASE("cancelled at any checkpoint, a file has its old or its new content") {
    const TestDirectory directory;
    const auto file = directory / "a";
    const auto scenario = [&]() -> Task<> {
        directory.write("a", "old");
        co_await replace_file(file, "new", {.durable = false});
        co_await replace_file(file, "newer", {.durable = false});
    };
    const auto check = [&] {
        const std::string content = content_of(file);
        CHECK((content == "old" || content == "new" || content == "newer"));
        CHECK(directory.entries() == 1);
    };
    CHECK(cancel_at_each_checkpoint(scenario, check) == 2);
}

namespace {

struct ReplaceFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit ReplaceFixture(VirtualClock&) { directory.write("a", "old"); }
    Task<> prepare() { co_return; }
    Task<> wait() {
        co_await replace_file(directory / "a", "new", {.durable = false, .executor = &held});
    }
    Task<> wait_again() {
        held.let_all_run();
        co_await wait();
        CHECK(content_of(directory / "a") == "new");
    }
    void complete() { held.let_all_run(); }
    [[nodiscard]] bool intact() const {
        const std::string content = content_of(directory / "a");
        return content == "old" || content == "new";
    }
    TestDirectory directory;
    HeldExecutor held;
};

}  // namespace

EDDY_WAIT_MATRIX("replace_file", ReplaceFixture)
