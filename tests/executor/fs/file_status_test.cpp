// SPDX-License-Identifier: MIT
#include <eddy/fs/file_status.hpp>

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// What an await of it throws.
template <class F>
Task<std::string> message_of(F make, std::errc code) {
    auto call = make();
    try {
        co_await call;
    } catch (const IoError& error) {
        CHECK(error.code() == code);
        co_return error.what();
    }
    co_return "no error";
}

}  // namespace

EDDY_TEST_CASE("file_status says what a file is") {
    const TestDirectory directory;
    const auto file = directory.write("a", "12345");
    std::filesystem::permissions(file, std::filesystem::perms(0640));
    std::filesystem::create_symlink("a", directory / "link");

    const FileStatus plain = co_await file_status(file);
    CHECK(plain.is_regular());
    CHECK(plain.size == 5);
    CHECK(plain.mode == 0640);
    CHECK(plain.links == 1);
    CHECK(plain.modified <= plain.changed);
    CHECK(plain.modified.time_since_epoch().count() > 0);

    const FileStatus followed = co_await file_status(directory / "link");
    CHECK(followed.same_file(plain));
    const FileStatus link = co_await file_status(directory / "link", {.follow = false});
    CHECK(link.kind == FileKind::symlink);
    CHECK_FALSE(link.same_file(plain));
    const FileStatus itself = co_await file_status(directory.path());
    CHECK(itself.is_directory());
}

EDDY_TEST_CASE("what is not there is an error, or empty") {
    const TestDirectory directory;
    const std::string missing = (directory / "missing").string();
    const std::string text = co_await message_of([&] { return file_status(missing); },
                                                 std::errc::no_such_file_or_directory);
    CHECK(text == "stat " + missing + ": No such file or directory");
    const auto nothing = co_await try_file_status(missing);
    CHECK_FALSE(nothing.has_value());
    const auto file = directory.write("a", "");
    const auto below = co_await try_file_status(file / "b");
    CHECK_FALSE(below.has_value());
    const auto there = co_await try_file_status(file);
    CHECK(there.has_value());
}

EDDY_TEST_CASE("names that no file can have say so, legibly") {
    CHECK_THROWS_AS((void)file_status(std::string("a\0b", 3)), std::invalid_argument);
    const std::string empty =
        co_await message_of([] { return file_status(""); }, std::errc::no_such_file_or_directory);
    CHECK(empty == "stat \"\": No such file or directory");
    const std::string strange = co_await message_of([] { return file_status("/\xff\n/x"); },
                                                    std::errc::no_such_file_or_directory);
    CHECK(strange == "stat /\\xff\\n/x: No such file or directory");
    const std::string deep = co_await message_of(
        [] { return try_file_status(std::string(5000, 'x')); }, std::errc::filename_too_long);
    CHECK(deep.find("File name too long") != std::string::npos);
}

EDDY_TEST_CASE("times that 64 bits of nanoseconds cannot say are the nearest they can") {
    const bool has_memory = std::filesystem::is_directory("/dev/shm");
    const TestDirectory directory(has_memory ? "/dev/shm" : std::filesystem::temp_directory_path());
    const auto path = directory.write("a", "1");
    const std::int64_t in_2400 = 13'569'465'600;
    for (const std::int64_t seconds : {in_2400, -in_2400, std::int64_t{9'223'372'036}}) {
        const timespec time{.tv_sec = seconds, .tv_nsec = 0};
        const timespec both[] = {time, time};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), both, 0) == 0);
        struct stat kept = {};
        REQUIRE(::stat(path.c_str(), &kept) == 0);
        if (kept.st_mtim.tv_sec != seconds) {
            MESSAGE("this file system keeps no such times: nothing to see");
            co_return;
        }
        const FileStatus status = co_await file_status(path);
        CHECK(status.modified == (seconds > 0 ? FileTime::max() : FileTime::min()));
        CHECK(status.accessed == status.modified);
    }
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("a status that the system cannot tell is an IoError") {
    const TestDirectory directory;
    const auto file = directory.write("a", "");
    const FailFileCall plan(FileSystemCall::fstatat, EIO, 1, FailFileCall::always);
    const std::string text =
        co_await message_of([&] { return try_file_status(file); }, std::errc::io_error);
    CHECK(text == "stat " + file.string() + ": Input/output error");
    CHECK(plan.failed() == 1);
}
#endif
