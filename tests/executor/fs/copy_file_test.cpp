// SPDX-License-Identifier: MIT
#include <eddy/fs/copy_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
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
#include "nth_call.hpp"
#include "skip.hpp"

using namespace eddy;
using namespace eddy::testing;
namespace stdfs = std::filesystem;

namespace {

/// Different at every place.
std::string text_of(std::size_t length) {
    std::string text;
    while (text.size() < length) {
        text += std::to_string(text.size()) + " ";
    }
    text.resize(length);
    return text;
}

mode_t mode_of(const stdfs::path& path) {
    struct stat status = {};
    CHECK(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

/// What copying says, with the test's directory left out.
Task<std::string> copying_says(const TestDirectory& directory,
                               stdfs::path from,
                               stdfs::path to,
                               CopyOptions options) {
    std::string text = "done";
    try {
        static_cast<void>(co_await eddy::copy_file(from, to, options));
    } catch (const IoError& error) {
        text = error.what();
    }
    const std::string base = directory.path().string() + "/";
    for (auto at = text.find(base); at != std::string::npos; at = text.find(base)) {
        text.erase(at, base.size());
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("a copy has the content and the permissions, and says how long it is") {
    const TestDirectory directory;
    const mode_t mask = ::umask(022);
    for (const std::size_t length : {0U, 1U, 4096U, 1000000U}) {
        const auto from = directory.write("a", text_of(length));
        ::chmod(from.c_str(), 04711);
        const std::uint64_t copied =
            co_await eddy::copy_file(from, directory / "b", {.replace = true});
        CHECK(copied == length);
        CHECK(content_of(directory / "b") == content_of(from));
        CHECK(mode_of(directory / "b") == 0711);
    }
    co_await eddy::copy_file(
        directory / "a", directory / "c", {.keep_mode = false, .durable = true});
    CHECK(mode_of(directory / "c") == 0644);
    ::umask(mask);
    CHECK(directory.entries() == 3);
}

EDDY_TEST_CASE("what is there is replaced only if that is asked for") {
    const TestDirectory directory;
    const auto from = directory.write("a", "1");
    const auto to = directory.write("b", "2");
    CHECK_EQ(co_await copying_says(directory, from, to, {}), "copy a to b: File exists");
    CHECK(content_of(to) == "2");
    stdfs::create_symlink("b", directory / "link");
    stdfs::create_symlink("none", directory / "dangling");
    for (const std::string_view link : {"link", "dangling"}) {
        const std::string text = co_await copying_says(directory, from, directory / link, {});
        CHECK(text == "copy a to " + std::string(link) + ": File exists");
    }
    co_await eddy::copy_file(from, directory / "link", {.replace = true});
    CHECK(stdfs::is_symlink(directory / "link"));
    CHECK(content_of(to) == "1");
    co_await eddy::copy_file(directory / "link", directory / "d");
    CHECK(stdfs::is_regular_file(stdfs::symlink_status(directory / "d")));
}

EDDY_TEST_CASE("what cannot be copied, and where nothing can be, is said in words") {
    const TestDirectory directory;
    const auto file = directory.write("a", "1");
    stdfs::create_directory(directory / "sub");
    REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    stdfs::create_hard_link(file, directory / "same");
    stdfs::create_symlink("a", directory / "link");
    const auto says = [&](std::string_view from, std::string_view to) {
        return copying_says(directory, directory / from, directory / to, {.replace = true});
    };
    CHECK_EQ(co_await says("none", "b"), "copy none: No such file or directory");
    CHECK_EQ(co_await says("sub", "b"), "copy sub: Is a directory");
    CHECK_EQ(co_await says("fifo", "b"), "copy fifo (it is a FIFO): Invalid argument");
    CHECK_EQ(co_await says("a", "sub"), "copy a to sub: Is a directory");
    CHECK_EQ(co_await says("a", "fifo"), "copy a to fifo (it is a FIFO): Invalid argument");
    CHECK_EQ(co_await says("a", "none/b"),
             "copy a to none/b (its directory): No such file or directory");
    for (const std::string name : {"a", "same", "link"}) {
        CHECK_EQ(co_await says("a", name),
                 "copy a to " + name + " (which is the same file): Invalid argument");
    }
    CHECK(content_of(file) == "1");
    CHECK(directory.entries() == 5);
}

EDDY_TEST_CASE("holes stay holes, at the start, in the middle and at the end") {
    const TestDirectory directory;
    constexpr off_t mebi = off_t{1} << 20;
    const auto from = directory.write("a", "");
    const int fd = ::open(from.c_str(), O_WRONLY | O_CLOEXEC);
    CHECK(::pwrite(fd, "first", 5, mebi) == 5);
    CHECK(::pwrite(fd, "second", 6, 3 * mebi) == 6);
    CHECK(::ftruncate(fd, 5 * mebi) == 0);
    ::close(fd);
    const std::uint64_t copied = co_await eddy::copy_file(from, directory / "b");
    CHECK(copied == 5 * mebi);
    CHECK(content_of(directory / "b") == content_of(from));
    struct stat status = {};
    CHECK(::stat((directory / "b").c_str(), &status) == 0);
    CHECK(status.st_blocks * 512 < 2 * mebi);
    const auto all_hole = directory.write("c", "");
    stdfs::resize_file(all_hole, 3 * mebi);
    const std::uint64_t nothing = co_await eddy::copy_file(all_hole, directory / "d");
    CHECK(nothing == 3 * mebi);
    CHECK(content_of(directory / "d") == std::string(3 * mebi, '\0'));
}

EDDY_TEST_CASE("files that say they are empty, in /proc, are copied all the same") {
    const TestDirectory directory;
    const std::uint64_t copied = co_await eddy::copy_file("/proc/version", directory / "a");
    CHECK(copied > 10);
    CHECK(content_of(directory / "a") == content_of("/proc/version"));
    CHECK(stdfs::file_size(directory / "a") == copied);
}

EDDY_TEST_CASE(
    "files that say they are longer than they are, in /sys, are as long as what they say") {
    const stdfs::path says_a_page = "/sys/kernel/fscaps";
    if (!stdfs::exists(says_a_page)) {
        skip("there is no /sys");
        co_return;
    }
    const TestDirectory directory;
    const std::uint64_t copied = co_await eddy::copy_file(says_a_page, directory / "a");
    CHECK(copied == content_of(says_a_page).size());
    CHECK(content_of(directory / "a") == content_of(says_a_page));
}

EDDY_TEST_CASE("cancelled while it is queued, there is no copy") {
    const TestDirectory directory;
    const auto from = directory.write("a", "1");
    HeldExecutor held;
    CancelScope scope;
    const auto copies = [&]() -> Task<> {
        static_cast<void>(co_await eddy::copy_file(from, directory / "b", {.executor = &held}));
    };
    auto job = spawn(with_scope(scope, copies()));
    co_await until([&] { return held.submitted() == 1; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    held.let_all_run();
    CHECK(directory.entries() == 1);
}

TEST_CASE("cancelled at any checkpoint, there is a whole copy or none") {
    const TestDirectory directory;
    const auto from = directory.write("a", "content");
    const auto to = directory / "b";
    const auto scenario = [&]() -> Task<> {
        static_cast<void>(co_await eddy::copy_file(from, to));
    };
    const auto check = [&] {
        CHECK((!stdfs::exists(to) || content_of(to) == "content"));
        CHECK(directory.entries() == (stdfs::exists(to) ? 2U : 1U));
        stdfs::remove(to);
    };
    CHECK(cancel_at_each_checkpoint(scenario, check) == 1);
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("where the system does not copy, bytes are read and written") {
    const TestDirectory directory;
    const auto from = directory.write("a", text_of(700000));
    for (const int error : {EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EIO, FilePlan::ends}) {
        for (const std::size_t nth : {1U, 2U}) {  // the second says so in the middle
            struct Plan final : FilePlan {
                Plan(int error, std::size_t nth) noexcept : error_(error), left_(nth) {}
                [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
                    return call == FileSystemCall::copy_file_range && --left_ == 0 ? error_ : 0;
                }
                [[nodiscard]] std::size_t most(FileSystemCall call,
                                               std::size_t length) noexcept override {
                    return call == FileSystemCall::copy_file_range ? 300001 : length;
                }
                int error_;
                std::size_t left_;
            } const plan(error, nth);
            const std::uint64_t copied =
                co_await eddy::copy_file(from, directory / "b", {.replace = true});
            CHECK(copied == 700000);
            CHECK(content_of(directory / "b") == content_of(from));
        }
    }
}

EDDY_TEST_CASE("a file on which somebody has a lease is copied when that is returned") {
    const TestDirectory directory;
    const auto from = directory.write("a", "1");
    {
        const FailFileCall plan(FileSystemCall::openat, EWOULDBLOCK, 1, 2);
        const std::uint64_t copied = co_await eddy::copy_file(from, directory / "b");
        CHECK(copied == 1);
        CHECK(plan.failed() == 2);
    }
    std::optional<FailFileCall> plan(
        std::in_place, FileSystemCall::openat, EWOULDBLOCK, 1, FailFileCall::always);
    CancelScope scope;
    const auto copies = [&]() -> Task<> {
        static_cast<void>(co_await eddy::copy_file(from, directory / "c"));
    };
    auto job = spawn(with_scope(scope, copies()));
    co_await until([&] { return plan->failed() != 0; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    plan.reset();
    CHECK(directory.entries() == 2);
}

EDDY_TEST_CASE("holes that the system tells nothing of are copied as zeros") {
    const TestDirectory directory;
    const auto from = directory.write("a", "1");
    stdfs::resize_file(from, 300000);
    for (const std::size_t nth : {1U, 2U}) {
        const FailFileCall plan(FileSystemCall::lseek, EINVAL, nth, FailFileCall::always);
        const std::uint64_t copied =
            co_await eddy::copy_file(from, directory / "b", {.replace = true});
        CHECK(copied == 300000);
        CHECK(plan.failed() > 0);
        CHECK(content_of(directory / "b") == content_of(from));
    }
}

namespace {

/// Does something to the file at each piece that the system copies, so many times.
template <class F>
class Meddles final : public FilePlan {
public:
    Meddles(int times, F meddle) noexcept : left_(times), meddle_(std::move(meddle)) {}
    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        if (call == FileSystemCall::copy_file_range && left_ != 0) {
            --left_;
            meddle_();
        }
        return 0;
    }
    [[nodiscard]] std::size_t most(FileSystemCall call, std::size_t length) noexcept override {
        return call == FileSystemCall::copy_file_range ? std::min<std::size_t>(length, 1000)
                                                       : length;
    }

private:
    int left_;
    const F meddle_;
};

}  // namespace

EDDY_TEST_CASE("a file that becomes shorter meanwhile is copied to where it ends, holes or not") {
    const TestDirectory directory;
    constexpr std::size_t mebi = std::size_t{1} << 20U;
    for (const std::size_t size : {std::size_t{20000}, mebi}) {
        for (const std::size_t end : {std::size_t{500}, std::size_t{9000}}) {
            const auto from = directory.write("a", text_of(20000));
            stdfs::resize_file(from, size);
            const Meddles plan(1, [&] { stdfs::resize_file(from, end); });
            const std::uint64_t copied =
                co_await eddy::copy_file(from, directory / "b", {.replace = true});
            CHECK(copied == end);
            CHECK(content_of(directory / "b") == text_of(20000).substr(0, end));
        }
    }
    // The end is in a hole then, and before what was behind it.
    const auto from = directory.write("a", text_of(4096));
    stdfs::resize_file(from, mebi);
    std::ofstream(from, std::ios::app) << text_of(4096);
    const Meddles plan(1, [&] { stdfs::resize_file(from, mebi / 2); });
    const std::uint64_t copied = co_await eddy::copy_file(from, directory / "b", {.replace = true});
    CHECK(copied == mebi / 2);
    CHECK(content_of(directory / "b") == content_of(from));
}

EDDY_TEST_CASE("a file that others append to is copied as far as it went at the start") {
    const TestDirectory directory;
    const auto from = directory.write("a", text_of(5000));
    const Meddles plan(50, [&] { std::ofstream(from, std::ios::app) << text_of(2000); });
    const std::uint64_t copied = co_await eddy::copy_file(from, directory / "b");
    CHECK(copied == 5000);
    CHECK(content_of(directory / "b") == text_of(5000));
}

EDDY_TEST_CASE("whatever system call fails, there is a whole copy or none") {
    const TestDirectory directory;
    const std::string text = text_of(20000);
    const auto from = directory.write("a", text);
    stdfs::resize_file(from, 200000);
    const std::string content = content_of(from);
    for (const bool replace : {false, true}) {
        std::size_t nth = 1;
        for (bool reached = true; reached; ++nth) {
            const auto to = directory / "b";
            stdfs::remove(to);
            if (replace) {
                directory.write("b", "old");
            }
            std::optional<NthCall> plan(std::in_place, nth, EIO);
            const std::string text_said =
                co_await copying_says(directory, from, to, {.replace = replace, .durable = true});
            reached = plan->reached();
            plan.reset();
            const bool copied = text_said == "done" ||
                                text_said.find("a power cut may undo it") != std::string::npos;
            CAPTURE(nth);
            CHECK(stdfs::exists(to) == (copied || replace));
            CHECK(content_of(to) == (copied ? content : replace ? "old" : ""));
            CHECK(directory.entries() == (stdfs::exists(to) ? 2U : 1U));
        }
        CHECK(nth > 14);
    }
}

EDDY_TEST_CASE("a copy asked to stop in the middle leaves nothing") {
    /// Holds the worker in the second piece until it is let go.
    class HeldInTheMiddle final : public FilePlan {
    public:
        [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
            if (call == FileSystemCall::copy_file_range && ++calls_ == 2) {
                here.store(true);
                go_on.acquire();
            }
            return 0;
        }
        [[nodiscard]] std::size_t most(FileSystemCall, std::size_t length) noexcept override {
            return length < 100 ? length : 100;
        }
        std::atomic<bool> here{false};
        std::binary_semaphore go_on{0};

    private:
        int calls_ = 0;
    };
    const TestDirectory directory;
    const auto from = directory.write("a", text_of(1000));
    HeldInTheMiddle plan;
    CancelScope scope;
    const auto copies = [&]() -> Task<> {
        static_cast<void>(co_await eddy::copy_file(from, directory / "b"));
    };
    auto job = spawn(with_scope(scope, copies()));
    co_await until([&] { return plan.here.load(); });
    scope.cancel();
    co_await rounds();
    CHECK(directory.entries() == 2);  // what it is making
    plan.go_on.release();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    CHECK(directory.entries() == 1);
}
#endif

namespace {

struct CopyFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit CopyFixture(VirtualClock&) { directory.write("a", "content"); }
    Task<> prepare() { co_return; }
    Task<> wait() {
        static_cast<void>(co_await eddy::copy_file(
            directory / "a", directory / "b", {.replace = true, .executor = &held}));
    }
    Task<> wait_again() {
        held.let_all_run();
        co_await wait();
        CHECK(content_of(directory / "b") == "content");
    }
    void complete() { held.let_all_run(); }
    [[nodiscard]] bool intact() const {
        return !stdfs::exists(directory / "b") || content_of(directory / "b") == "content";
    }
    TestDirectory directory;
    HeldExecutor held;
};

}  // namespace

EDDY_WAIT_MATRIX("copy_file", CopyFixture)
