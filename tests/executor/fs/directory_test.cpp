// SPDX-License-Identifier: MIT
#include <eddy/fs/directory.hpp>

#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "tree_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

Task<std::map<std::string, DirectoryEntry>> listed(std::filesystem::path path, bool status) {
    std::map<std::string, DirectoryEntry> entries;
    const ListDirectoryOptions options{.status = status};
    for (DirectoryEntry& entry : co_await list_directory(path, options)) {
        const std::string name = entry.name;
        CHECK(entries.emplace(name, std::move(entry)).second);
    }
    co_return entries;
}

template <class F>
Task<std::string> failure_of(F make) {
    auto call = make();
    try {
        static_cast<void>(co_await call);
    } catch (const IoError& error) {
        co_return error.what();
    } catch (const LimitExceeded& error) {
        co_return error.what();
    }
    co_return "no error";
}

}  // namespace

EDDY_TEST_CASE("a directory's entries come with what they are, their status if it is asked for") {
    const TestDirectory directory;
    directory.write("file", "123");
    std::filesystem::create_directory(directory / "below");
    std::filesystem::create_symlink("file", directory / "link");
    std::filesystem::create_symlink("nowhere", directory / "broken");
    REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    const std::string odd = "\xff\n" + std::string(253, 'x');
    directory.write(odd, "");

    auto plain = co_await listed(directory.path(), false);
    CHECK(plain.size() == 6);
    CHECK(plain["file"].kind == FileKind::regular);
    CHECK(plain["below"].kind == FileKind::directory);
    CHECK(plain["link"].kind == FileKind::symlink);
    CHECK(plain["broken"].kind == FileKind::symlink);
    CHECK(plain["fifo"].kind == FileKind::fifo);
    CHECK(plain.contains(odd));
    CHECK_FALSE(plain["file"].status.has_value());

    auto full = co_await listed(directory / "", true);
    CHECK(full.size() == 6);
    CHECK((full["file"].status && full["file"].status->size == 3));
    CHECK((full["link"].status && full["link"].status->kind == FileKind::symlink));

    const auto none = co_await list_directory(directory / "below");
    CHECK(none.empty());
    std::filesystem::create_directory_symlink("below", directory / "there");
    const auto there = co_await list_directory(directory / "there");
    CHECK(there.empty());
    const std::string stays =
        co_await failure_of([&] { return list_directory(directory / "there", {.follow = false}); });
    CHECK(stays == "open " + (directory / "there").string() + ": Not a directory");
}

EDDY_TEST_CASE("a directory that cannot be listed is an IoError, one that is too large says so") {
    const TestDirectory directory;
    const std::string root = directory.path().string();
    directory.write("a", "");
    directory.write("b", "");
    const std::string missing =
        co_await failure_of([&] { return list_directory(root + "/missing"); });
    CHECK(missing == "open " + root + "/missing: No such file or directory");
    const std::string file = co_await failure_of([&] { return list_directory(root + "/a"); });
    CHECK(file == "open " + root + "/a: Not a directory");
    const std::string large =
        co_await failure_of([&] { return list_directory(root, {.limit = 1}); });
    CHECK(large == "read " + root + ": it has more than the limit of 1 entries");
    const auto just = co_await list_directory(root, {.limit = 2});
    CHECK(just.size() == 2);
    CHECK_THROWS_AS((void)list_directory(std::string("a\0b", 3)), std::invalid_argument);
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("whatever fails in a listing, it is told, or all entries have come") {
    const TestDirectory directory;
    directory.write("a", "");
    directory.write("b", "");
    const ListDirectoryOptions options{.status = true};
    std::size_t failures = 0;
    for (std::size_t n = 1;; ++n) {
        const FailTreeCall plan(n);
        std::string text;
        int told = 0;
        try {
            const auto entries = co_await list_directory(directory.path(), options);
            CHECK(entries.size() == 2);
            for (const DirectoryEntry& entry : entries) {
                told += entry.error.value() == EIO && !entry.status ? 1 : 0;
                CHECK(entry.kind == FileKind::regular);
            }
        } catch (const IoError& error) {
            text = error.what();
            CHECK(text.ends_with(": Input/output error"));
        }
        if (!plan.failed()) {
            break;
        }
        CHECK(told == (plan.which() == FileSystemCall::fstatat ? 1 : 0));
        CHECK(text.empty() == (told == 1));
        ++failures;
    }
    CHECK(failures >= 8);
}

EDDY_TEST_CASE("kinds that the directory does not tell are looked up; what is gone is left out") {
    class Hides final : public FilePlan {
    public:
        int error_of(FileSystemCall call) noexcept override {
            return gone && call == FileSystemCall::fstatat ? ENOENT : 0;
        }
        bool hides_kinds() noexcept override { return true; }
        bool gone = false;
    };
    const TestDirectory directory;
    std::filesystem::create_symlink("nowhere", directory / "link");
    Hides plan;
    auto entries = co_await listed(directory.path(), false);
    CHECK(entries["link"].kind == FileKind::symlink);
    plan.gone = true;
    const auto none = co_await list_directory(directory.path());
    CHECK(none.empty());
}

EDDY_TEST_CASE("a listing that is cancelled is left alone, and stops") {
    const TestDirectory directory;
    directory.write("a", "");
    HoldFileCall plan(FileSystemCall::readdir, 1);
    HeldExecutor executor;  // its end is the call's
    executor.let_all_run();
    CancelScope scope;
    const ListDirectoryOptions options{.executor = &executor};
    const auto lists = [&]() -> Task<> {
        static_cast<void>(co_await list_directory(directory.path(), options));
    };
    auto job = spawn(with_scope(scope, lists()));
    co_await rounds();
    plan.wait_until_reached();
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    plan.let_go();
}
#endif
