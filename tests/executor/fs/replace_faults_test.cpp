// SPDX-License-Identifier: MIT
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <system_error>
#include <tuple>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/fs/replace_file.hpp>
#include <eddy/fs/temporary.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "child_process.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "nth_call.hpp"
#include "skip.hpp"

// What is left of a replacement that goes wrong, or of its process.

using namespace eddy;
using namespace eddy::testing;
namespace stdfs = std::filesystem;

namespace {

/// What is under a temporary name in there.
[[maybe_unused]] std::size_t leftovers(const stdfs::path& directory) {
    std::size_t count = 0;
    for (const auto& entry : stdfs::directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        count += name.starts_with(".eddy-") && name.ends_with(".tmp") ? 1U : 0U;
    }
    return count;
}

}  // namespace

#if EDDY_FILE_CALL_FAULTS

namespace {

/// A file with a mode, a link to it, and an attribute, if it can have one: every call is made.
class Replaced final {
public:
    Replaced() {
        const auto target = directory.write("target", "old");
        ::chmod(target.c_str(), 0640);
        if (::geteuid() == 0) {
            static_cast<void>(::chown(target.c_str(), 1234, 1234));
        }
        ::setxattr(target.c_str(), "user.colour", "blue", 4, 0);
        stdfs::create_symlink("target", link);
    }

    [[nodiscard]] std::string content() const { return content_of(directory / "target"); }
    [[nodiscard]] bool is_whole() const {
        struct stat status = {};
        ::stat(link.c_str(), &status);
        return stdfs::is_symlink(link) && (status.st_mode & 07777) == 0640 &&
               (::geteuid() != 0 || status.st_uid == 1234);
    }

    TestDirectory directory;
    const stdfs::path link = directory / "link";
};

enum class Ended : std::uint8_t { well, failed, synced_not };

/// Replaces it while something goes wrong.
Task<Ended> replace_with(const NthCall& plan, const stdfs::path& link, std::string content) {
    static_cast<void>(plan);
    try {
        co_await replace_file(link, std::move(content));
    } catch (const IoError& error) {
        co_return std::string(error.what()).find("a power cut may undo it") != std::string::npos
            ? Ended::synced_not
            : Ended::failed;
    }
    co_return Ended::well;
}

/// The n-th call, and perhaps all after it, fail; false: there was none.
Task<bool> replace_with_failure(std::size_t nth, bool and_later) {
    const Replaced file;
    std::optional<NthCall> plan(std::in_place, nth, EIO, and_later);
    const Ended ended = co_await replace_with(*plan, file.link, std::string(10000, 'n'));
    const bool reached = plan->reached();
    const FileSystemCall which = plan->which();
    plan.reset();
    CAPTURE(nth);
    CAPTURE(name_of(which));
    CHECK(file.is_whole());
    CHECK(file.content() == (ended == Ended::failed ? "old" : std::string(10000, 'n')));
    // Only if it cannot be removed, because nothing can be done any more, is it left.
    CHECK((leftovers(file.directory.path()) == 0 || and_later));
    co_return reached;
}

}  // namespace

EDDY_TEST_CASE("whatever system call fails, the file is the old or the new one, and alone") {
    for (const bool and_later : {false, true}) {
        std::size_t nth = 1;
        while (true) {
            const bool reached = co_await replace_with_failure(nth, and_later);
            if (!reached) {
                break;
            }
            ++nth;
        }
        CHECK(nth > 15);
    }
}

EDDY_TEST_CASE("what failed for want of space, or of the right, says so; a sync is not repeated") {
    const struct {
        FileSystemCall call;
        int error;
        const char* text;
    } cases[] = {
        {FileSystemCall::pwrite, ENOSPC, "write PATH: No space left on device"},
        {FileSystemCall::fsync, EIO, "sync PATH: Input/output error"},
        {FileSystemCall::fchown,
         EPERM,
         "replace PATH (to keep its owner): Operation not permitted"},
        {FileSystemCall::renameat, EACCES, "replace PATH: Permission denied"},
        {FileSystemCall::flistxattr, EACCES, "replace PATH (its attributes): Permission denied"},
    };
    for (const auto& [call, error, text] : cases) {
        const Replaced file;
        FailFileCall plan(call, error, 1);
        std::string says = "no error";
        try {
            co_await replace_file(file.link, "new");
        } catch (const IoError& failure) {
            says = failure.what();
        }
        if (plan.failed() == 0) {
            continue;  // only root gives files away
        }
        std::string expected = text;
        expected.replace(expected.find("PATH"), 4, file.link.string());
        CHECK(says == expected);
        CHECK(plan.calls() == 1);
        CHECK(file.content() == "old");
        CHECK(file.directory.entries() == 2);
    }
}

EDDY_TEST_CASE("a directory that cannot be synced: the new content is there, which is said") {
    const Replaced file;
    const FailFileCall plan(FileSystemCall::fsync, EIO, 2);
    std::string says;
    try {
        co_await replace_file(file.link, "new");
    } catch (const IoError& error) {
        says = error.what();
    }
    CHECK(says == "replace " + file.link.string() +
                      " (done, but a power cut may undo it: its directory could not be synced): "
                      "Input/output error");
    CHECK(file.content() == "new");
}

EDDY_TEST_CASE("where directories cannot be synced, and where there are no attributes, it does") {
    for (const auto& [call, nth, error] : {std::tuple(FileSystemCall::fsync, 2, EINVAL),
                                           std::tuple(FileSystemCall::flistxattr, 1, ENOTSUP),
                                           std::tuple(FileSystemCall::fsetxattr, 5, EIO),
                                           std::tuple(FileSystemCall::getrandom, 1, ENOSYS),
                                           std::tuple(FileSystemCall::fsync, 1, EINTR),
                                           std::tuple(FileSystemCall::close, 1, EINTR),
                                           std::tuple(FileSystemCall::pwrite, 1, EINTR)}) {
        const Replaced file;
        const FailFileCall plan(call, error, static_cast<std::size_t>(nth));
        co_await replace_file(file.link, "new");
        CHECK(file.content() == "new");
        CHECK(file.is_whole());
        CHECK(file.directory.entries() == 2);
    }
}

EDDY_TEST_CASE("a file on which somebody has a lease, and one that may not be read, are replaced") {
    for (const int error : {EWOULDBLOCK, EACCES}) {
        const Replaced file;
        // Each way to a link's end opens two directories; then there is the new file.
        const FailFileCall plan(FileSystemCall::openat, error, 4);
        co_await replace_file(file.link, "new");
        CHECK(plan.failed() == 1);
        CHECK(file.content() == "new");
        CHECK(file.is_whole());
        char colour[8] = {};
        const auto length = ::getxattr(file.link.c_str(), "user.colour", colour, sizeof colour);
        CHECK((error == EACCES ? length < 0 : length == 4 || length < 0));
    }
}

EDDY_TEST_CASE("names that are taken are passed over, but not for ever") {
    const Replaced file;
    {
        // Each way to a link's end opens two directories.
        const FailFileCall some(FileSystemCall::openat, EEXIST, 3, 5);
        co_await replace_file(file.link, "new");
        CHECK(some.failed() == 5);
    }
    const FailFileCall all(FileSystemCall::openat, EEXIST, 3, FailFileCall::always);
    CHECK_THROWS_AS(co_await replace_file(file.link, "newer"), IoError);
    CHECK(all.failed() == 100);
    CHECK(file.content() == "new");
}

EDDY_TEST_CASE("a disk that takes a few bytes at a time gets them all") {
    const Replaced file;
    const ShortTransfers plan(13);  // no less: threads wake each other with eight bytes
    const std::string text(5000, 's');
    co_await replace_file(file.link, text);
    CHECK(file.content() == text);
}

// --- killed -------------------------------------------------------------------------------------

#ifndef EDDY_NO_FORK

namespace {

/// Ends the process as a power cut would, at its n-th call.
class Dies final : public NthCall {
public:
    explicit Dies(std::size_t nth) noexcept : NthCall(nth, 0) {}

private:
    [[nodiscard]] int happens() noexcept override {
        ::kill(::getpid(), SIGKILL);
        return EIO;
    }
};

}  // namespace

TEST_CASE("a process that is killed at whatever call leaves the old or the new content, whole") {
    const std::string text(100000, 'n');
    std::size_t killed = 0;
    std::size_t old = 0;
    std::size_t left_over = 0;
    for (std::size_t nth = 1;; ++nth) {
        const Replaced file;
        const ChildResult child = run_in_child([&] {
            const Dies plan(nth);
            run([](const stdfs::path& path, const std::string& content) -> Task<> {
                co_await replace_file(path, content);
            }(file.link, text));
            return 0;
        });
        const std::string content = file.content();
        CHECK((content == "old" || content == text));
        CHECK(file.is_whole());
        CHECK(leftovers(file.directory.path()) <= 1);
        old += content == "old" ? 1U : 0U;
        left_over += leftovers(file.directory.path());
        if (child.signal != SIGKILL) {
            CHECK_MESSAGE(child.exit_code == 0, child.errors);
            break;
        }
        ++killed;
    }
    CHECK(killed > old);  // some died after the rename
    CHECK(old > 10);
    CHECK(left_over > 3);
}

#endif

#endif

#ifndef EDDY_NO_FORK

TEST_CASE("files that their owner may not read are replaced and persisted") {
    const TestDirectory directory;
    const bool is_root = ::geteuid() == 0;  // who may read all
    if (is_root) {
        REQUIRE(::chown(directory.path().c_str(), 1234, 1234) == 0);
    }
    const ChildResult child = run_in_child([&] {
        if (is_root && (::setresgid(1234, 1234, 1234) != 0 || ::setresuid(1234, 1234, 1234) != 0)) {
            return 2;
        }
        const auto kept = directory / "kept";
        for (const mode_t mode : {0400U, 0200U, 0000U}) {
            const auto file = directory.write("a", "old");
            ::chmod(file.c_str(), mode);
            run([](stdfs::path replaced, stdfs::path to, mode_t hidden) -> Task<> {
                co_await replace_file(replaced, "new");
                auto temporary =
                    co_await TemporaryFile::create({.directory = replaced.parent_path().native()});
                ::chmod(temporary.path().c_str(), hidden);
                co_await temporary.persist(to, {.durable = true, .mode = 0640});
            }(file, kept, mode));
            struct stat status = {};
            const bool keeps =
                ::stat(file.c_str(), &status) == 0 && (status.st_mode & 0777) == mode;
            ::chmod(file.c_str(), 0600);
            if (!keeps || content_of(file) != "new" || ::stat(kept.c_str(), &status) != 0 ||
                (status.st_mode & 0777) != 0640) {
                return 1;
            }
        }
        return 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors);
}

TEST_CASE("on a full disk the old content stays, and the disk is no fuller") {
    const TestDirectory directory;
    const ChildResult child = run_in_child([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("eddy", directory.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
            return 77;
        }
        directory.write("a", "old");
        std::error_code error;
        try {
            run([](const stdfs::path& path) -> Task<> {
                co_await replace_file(path, std::string(200000, 'n'));
            }(directory / "a"));
        } catch (const IoError& failure) {
            error = failure.code();
        }
        const bool as_before = content_of(directory / "a") == "old" && directory.entries() == 1;
        run([](const stdfs::path& path) -> Task<> {
            co_await replace_file(path, std::string(40000, 'n'));
        }(directory / "a"));
        const bool fits = content_of(directory / "a").size() == 40000;
        return error == std::errc::no_space_on_device && as_before && fits ? 0 : 1;
    });
    if (child.exit_code == 77) {
        skip("only root can have a small disk of its own");
        return;
    }
    CHECK_MESSAGE(child.exit_code == 0, child.errors);
}

#endif
