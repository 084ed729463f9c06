// SPDX-License-Identifier: MIT
#include <eddy/fs/file_status.hpp>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>

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
