// SPDX-License-Identifier: MIT
#include <eddy/fs/paths.hpp>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
namespace stdfs = std::filesystem;

namespace {

/// What an await of it says, with the test's directory left out.
template <class F>
Task<std::string> says(const TestDirectory& directory, F make) {
    auto call = make();
    std::string text = "done";
    try {
        static_cast<void>(co_await call);
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

EDDY_TEST_CASE("a file is renamed, and replaces another one, or does not") {
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    const auto b = directory.write("b", "2");
    const std::string refused =
        co_await says(directory, [&] { return rename_path(a, b, {.replace = false}); });
    CHECK(refused == "rename a to b: File exists");
    CHECK(content_of(b) == "2");
    co_await rename_path(a, b);
    CHECK(content_of(b) == "1");
    CHECK_FALSE(stdfs::exists(a));
    co_await rename_path(b, directory / "c", {.replace = false});
    CHECK(content_of(directory / "c") == "1");
    const std::string missing = co_await says(directory, [&] { return rename_path(a, b); });
    CHECK(missing == "rename a to b: No such file or directory");
    const std::string far =
        co_await says(directory, [&] { return rename_path(directory / "c", "/proc/c"); });
    CHECK((far == "rename c to /proc/c (which is in another file system: copy_file goes there): "
                  "Invalid cross-device link"));
}

EDDY_TEST_CASE("directories and links are renamed as they are") {
    const TestDirectory directory;
    stdfs::create_directory(directory / "sub");
    directory.write("sub/a", "1");
    stdfs::create_symlink("nowhere", directory / "link");
    co_await rename_path(directory / "sub", directory / "other", {.replace = false});
    CHECK(content_of(directory / "other/a") == "1");
    co_await rename_path(directory / "link", directory / "moved", {.replace = false});
    CHECK(stdfs::read_symlink(directory / "moved") == "nowhere");
    stdfs::create_directory(directory / "empty");
    const std::string refused = co_await says(directory, [&] {
        return rename_path(directory / "other", directory / "empty", {.replace = false});
    });
    CHECK(refused == "rename other to empty: File exists");
    co_await rename_path(directory / "other", directory / "empty");
    CHECK(content_of(directory / "empty/a") == "1");
}

EDDY_TEST_CASE("files and directories are removed, each by its own; trying is not failing") {
    const TestDirectory directory;
    const auto file = directory.write("a", "");
    const auto sub = directory / "sub";
    stdfs::create_directory(sub);
    stdfs::create_symlink("sub", directory / "link");
    co_await remove_file(file);
    CHECK_EQ(co_await says(directory, [&] { return remove_file(file); }),
             "remove a: No such file or directory");
    const bool again = co_await try_remove_file(file);
    CHECK_FALSE(again);
    const bool below = co_await try_remove_file(file / "b");
    CHECK_FALSE(below);
    directory.write("a", "");
    const bool there = co_await try_remove_file(file);
    CHECK(there);
    CHECK_FALSE(stdfs::exists(file));
    CHECK_EQ(co_await says(directory, [&] { return remove_file(sub); }),
             "remove sub: Is a directory");
    CHECK_EQ(co_await says(directory, [&] { return try_remove_file(sub); }),
             "remove sub: Is a directory");
    co_await remove_file(directory / "link");
    directory.write("sub/b", "");
    CHECK_EQ(co_await says(directory, [&] { return remove_directory(sub); }),
             "remove sub: Directory not empty");
    stdfs::remove(sub / "b");
    co_await remove_directory(sub);
    CHECK(directory.entries() == 0);
    CHECK_THROWS_AS((void)remove_file(std::string("a\0b", 3)), std::invalid_argument);
}

EDDY_TEST_CASE("a directory is made, with those above it if they may be missing") {
    const TestDirectory directory;
    const mode_t mask = ::umask(022);
    co_await make_directory(directory / "a");
    co_await make_directory(directory / "b", {.mode = 0700});
    co_await make_directory(directory / "c//d/../e/f/", {.mode = 0700, .parents = true});
    ::umask(mask);
    CHECK((stdfs::status(directory / "a").permissions() == stdfs::perms(0755)));
    CHECK((stdfs::status(directory / "b").permissions() == stdfs::perms(0700)));
    CHECK((stdfs::status(directory / "c/e").permissions() == stdfs::perms(0755)));
    CHECK((stdfs::status(directory / "c/e/f").permissions() == stdfs::perms(0700)));
    CHECK(stdfs::is_directory(directory / "c/d"));
    co_await make_directory(directory / "c/e/f", {.parents = true});
    co_await make_directory("/", {.parents = true});
    stdfs::create_symlink("a", directory / "link");
    co_await make_directory(directory / "link/x/y", {.parents = true});
    CHECK(stdfs::is_directory(directory / "a/x/y"));
    CHECK_EQ(co_await says(directory, [&] { return make_directory(directory / "a"); }),
             "make the directory a: File exists");
    CHECK_EQ(co_await says(directory, [&] { return make_directory(directory / "z/z"); }),
             "make the directory z/z: No such file or directory");
    directory.write("file", "");
    for (const std::string_view name : {"file", "file/a", "file/a/b"}) {
        const std::string text = co_await says(
            directory, [&] { return make_directory(directory / name, {.parents = true}); });
        CHECK(text == "make the directory " + std::string(name) +
                          (name == "file" ? ": File exists" : ": Not a directory"));
    }
    CHECK_EQ(co_await says(directory, [] { return make_directory("", {.parents = true}); }),
             "make the directory \"\": No such file or directory");
}

EDDY_TEST_CASE("many that make the same directories at once all find them made") {
    const TestDirectory directory;
    const auto make = [](stdfs::path path) -> Task<> {
        co_await make_directory(path, {.parents = true});
    };
    const auto deep = directory / "a/b/c/d/e/f";
    co_await gather(make(deep), make(deep), make(deep / "g"), make(deep / "h"));
    CHECK(stdfs::is_directory(deep / "g"));
    CHECK(stdfs::is_directory(deep / "h"));
}

EDDY_TEST_CASE("links are made and read, however long") {
    const TestDirectory directory;
    const auto link = directory / "link";
    const std::string long_text(3000, 't');
    for (const std::string& text : {std::string("a"), long_text, std::string(256, 'x')}) {
        co_await make_symlink(text, link);
        const stdfs::path says = co_await symlink_target(link);
        CHECK(says == text);
        co_await remove_file(link);
    }
    const auto file = directory.write("a", "1");
    co_await make_hard_link(file, directory / "b");
    CHECK(stdfs::hard_link_count(file) == 2);
    CHECK_EQ(co_await says(directory, [&] { return make_hard_link(file, directory / "b"); }),
             "make the link b to a: File exists");
    CHECK_EQ(co_await says(directory, [&] { return make_symlink("x", file); }),
             "make the link a to x: File exists");
    CHECK_EQ(co_await says(directory, [&] { return symlink_target(file); }),
             "read the link a: Invalid argument");
}

EDDY_TEST_CASE("cancelled while it is queued, nothing is renamed; while it runs, it counts") {
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    HeldExecutor held;
    CancelScope scope;
    const auto renames = [&]() -> Task<> {
        co_await rename_path(a, directory / "b", {.executor = &held});
    };
    auto job = spawn(with_scope(scope, renames()));
    co_await until([&] { return held.submitted() == 1; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    held.let_all_run();
    CHECK(stdfs::exists(a));
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("where the system cannot rename without replacing, files are linked instead") {
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    const auto b = directory.write("b", "2");
    stdfs::create_directory(directory / "sub");
    const FailFileCall plan(FileSystemCall::renameat2, EINVAL, 1, FailFileCall::always);
    const auto to = [&](stdfs::path from, std::string name) -> Task<std::string> {
        co_return co_await says(
            directory, [&] { return rename_path(from, directory / name, {.replace = false}); });
    };
    CHECK_EQ(co_await to(a, "b"), "rename a to b: File exists");
    CHECK_EQ(co_await to(a, "c"), "done");
    CHECK(content_of(directory / "c") == "1");
    CHECK_FALSE(stdfs::exists(a));
    CHECK_EQ(co_await to(directory / "sub", "d"),
             "rename sub to d (some file systems can do it only with {.replace = true}): "
             "Invalid argument");
    CHECK(plan.failed() == 3);
}

EDDY_TEST_CASE("a sandbox that forbids to rename without replacing does not forbid links") {
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    stdfs::create_directory(directory / "sub");
    const FailFileCall plan(FileSystemCall::renameat2, EPERM, 1, FailFileCall::always);
    const auto to = [&](stdfs::path from, std::string name) -> Task<std::string> {
        co_return co_await says(
            directory, [&] { return rename_path(from, directory / name, {.replace = false}); });
    };
    CHECK_EQ(co_await to(a, "sub"), "rename a to sub: File exists");
    CHECK_EQ(co_await to(a, "b"), "done");
    CHECK_EQ(co_await to(directory / "sub", "d"), "rename sub to d: Operation not permitted");
    CHECK(content_of(directory / "b") == "1");
    CHECK(directory.entries() == 2);
}

EDDY_TEST_CASE("a mount point, which has its name for good, is called one") {
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    for (const auto call : {FileSystemCall::renameat, FileSystemCall::renameat2}) {
        const FailFileCall plan(call, EBUSY, 1);
        const bool replace = call == FileSystemCall::renameat;
        CHECK_EQ(
            co_await says(directory,
                          [&] { return rename_path(a, directory / "b", {.replace = replace}); }),
            "rename a to b (it is a mount point): Device or resource busy");
    }
}

EDDY_TEST_CASE("a link that cannot lose its old name does not keep its new one") {
    /// The first of them fails.
    class NoFirstUnlink final : public FilePlan {
    public:
        [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
            if (call == FileSystemCall::renameat2) {
                return ENOSYS;
            }
            return call == FileSystemCall::unlinkat && !std::exchange(failed_, true) ? EACCES : 0;
        }

    private:
        bool failed_ = false;
    };
    const TestDirectory directory;
    const auto a = directory.write("a", "1");
    const NoFirstUnlink plan;
    CHECK_EQ(co_await says(directory,
                           [&] { return rename_path(a, directory / "b", {.replace = false}); }),
             "rename a to b: Permission denied");
    CHECK(directory.entries() == 1);
    CHECK(content_of(a) == "1");
}

EDDY_TEST_CASE("a directory that is there will do, whatever the system says of making it") {
    const TestDirectory directory;
    const FailFileCall plan(FileSystemCall::mkdirat, EROFS, 1, FailFileCall::always);
    co_await make_directory(directory.path(), {.parents = true});
    CHECK(plan.failed() == 1);
    CHECK_EQ(co_await says(directory,
                           [&] { return make_directory(directory / "a", {.parents = true}); }),
             "make the directory a: Read-only file system");
}
#endif
