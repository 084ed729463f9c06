// SPDX-License-Identifier: MIT
#include <eddy/fs/temporary.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
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
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "child_process.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "nth_call.hpp"

using namespace eddy;
using namespace eddy::testing;
namespace stdfs = std::filesystem;

namespace {

mode_t permissions(const stdfs::path& path) {
    struct stat status = {};
    CHECK(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

/// The environment's, for a while.
class TemporaryRoot final {
public:
    explicit TemporaryRoot(const stdfs::path& path) {
        const char* const now = std::getenv("TMPDIR");
        before_ = now != nullptr ? std::optional<std::string>(now) : std::nullopt;
        ::setenv("TMPDIR", path.c_str(), 1);
    }
    TemporaryRoot(const TemporaryRoot&) = delete;
    TemporaryRoot& operator=(const TemporaryRoot&) = delete;
    ~TemporaryRoot() {
        if (before_) {
            ::setenv("TMPDIR", before_->c_str(), 1);
        } else {
            ::unsetenv("TMPDIR");
        }
    }

private:
    std::optional<std::string> before_;
};

template <class F>
Task<std::string> error_of(F make) {
    auto call = make();
    try {
        static_cast<void>(co_await call);
    } catch (const std::exception& error) {
        co_return error.what();
    }
    co_return "done";
}

Task<> gone(const TestDirectory& directory) {
    co_await until([&] { return directory.entries() == 0; });
}

}  // namespace

EDDY_TEST_CASE("a temporary file is ours alone, can be written and read, and goes") {
    const TestDirectory directory;
    const TemporaryRoot root(directory.path());
    const TemporaryOptions options{.prefix = "up-", .suffix = ".txt"};
    {
        TemporaryFile file = co_await TemporaryFile::create(options);
        const std::string name = file.path().filename().string();
        CHECK(file.path().parent_path() == directory.path());
        CHECK(name.starts_with("up-"));
        CHECK(name.ends_with(".txt"));
        CHECK(name.size() == 3 + 13 + 4);
        CHECK(permissions(file.path()) == 0600);
        co_await file.file().write_at(0, "text");
        char letters[4] = {};
        const std::size_t length =
            co_await file.file().read_at(0, std::as_writable_bytes(std::span(letters)));
        CHECK(std::string(letters, length) == "text");
        CHECK(content_of(file.path()) == "text");
        const TemporaryFile other = co_await TemporaryFile::create(options);
        CHECK(other.path() != file.path());
    }
    co_await gone(directory);
}

EDDY_TEST_CASE("persisted, a file stays under its name, with the permissions that were asked for") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    const auto to = directory / "kept";
    TemporaryFile first = co_await TemporaryFile::create({.directory = where});
    co_await first.file().write_at(0, "1");
    co_await first.persist(to, {.durable = true, .mode = 0640});
    CHECK(content_of(to) == "1");
    CHECK(permissions(to) == 0640);
    TemporaryFile second = co_await TemporaryFile::create({.directory = where});
    const std::string refused =
        co_await error_of([&] { return second.persist(to, {.replace = false}); });
    CHECK(refused == "rename " + second.path().string() + " to " + to.string() + ": File exists");
    CHECK(permissions(second.path()) == 0600);
    co_await second.persist(to);  // it was still temporary
    CHECK(content_of(to).empty());
    CHECK(permissions(to) == 0600);
    const std::string again = co_await error_of([&] { return second.persist(to); });
    CHECK(again.ends_with("is temporary no more: it was kept, persisted or removed"));
    CHECK_THROWS_AS(co_await second.remove(), InvalidState);
    first = std::move(second);
    CHECK(directory.entries() == 1);
    CHECK_THROWS_AS((void)second.path(), InvalidState);
    CHECK_FALSE(second.file().is_open());
    CHECK_THROWS_AS((void)second.remove(), InvalidState);
}

EDDY_TEST_CASE("removed or kept by hand, and removed by others") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    TemporaryFile file = co_await TemporaryFile::create({.directory = where});
    co_await file.remove();
    CHECK(directory.entries() == 0);
    {
        TemporaryFile by_others = co_await TemporaryFile::create({.directory = where});
        stdfs::remove(by_others.path());
        co_await by_others.remove();
        const TemporaryFile dropped = co_await TemporaryFile::create({.directory = where});
        stdfs::remove(dropped.path());
        TemporaryDirectory tree = co_await TemporaryDirectory::create({.directory = where});
        stdfs::remove(tree.path());
        co_await tree.remove();
    }
    {
        TemporaryFile kept = co_await TemporaryFile::create({.directory = where});
        TemporaryDirectory tree = co_await TemporaryDirectory::create({.directory = where});
        CHECK(stdfs::is_regular_file(kept.keep()));
        CHECK(stdfs::is_directory(tree.keep()));
    }
    co_await rounds();
    CHECK(directory.entries() == 2);
}

EDDY_TEST_CASE("a temporary directory goes with all that is in it, but not through links") {
    const TestDirectory directory;
    const TestDirectory elsewhere;
    elsewhere.write("precious", "gold");
    const std::string where = directory.path().string();
    const auto fill = [&](const stdfs::path& path) {
        stdfs::create_directories(path / "a/b/c");
        stdfs::create_symlink(elsewhere.path(), path / "a/link");
        stdfs::create_symlink("nowhere", path / "a/b/dangling");
    };
    {
        const auto tree = co_await TemporaryDirectory::create({.directory = where});
        CHECK(permissions(tree.path()) == 0700);
        fill(tree.path());
    }
    co_await gone(directory);
    auto tree = co_await TemporaryDirectory::create({.directory = where});
    fill(tree.path());
    co_await tree.remove();
    CHECK(directory.entries() == 0);
    CHECK(content_of(elsewhere / "precious") == "gold");
}

EDDY_TEST_CASE("a file that is taken out of one stays open, without a name") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    std::optional<TemporaryFile> temporary(co_await TemporaryFile::create({.directory = where}));
    const File file = std::move(temporary->file());
    temporary.reset();
    co_await gone(directory);
    co_await file.write_at(0, "text");
    const FileStatus status = co_await file.status();
    CHECK(status.size == 4);
    CHECK(status.links == 0);
}

EDDY_TEST_CASE("where nothing can be made, and names that cannot be, say so") {
    const TestDirectory directory;
    const std::string none = (directory / "none").string();
    const std::string text =
        co_await error_of([&] { return TemporaryFile::create({.directory = none}); });
    CHECK(text.starts_with("make the file " + none + "/eddy-"));
    CHECK(text.ends_with(": No such file or directory"));
    const std::string of_tree =
        co_await error_of([&] { return TemporaryDirectory::create({.directory = none}); });
    CHECK(of_tree.starts_with("make the directory " + none + "/eddy-"));
    CHECK_THROWS_AS((void)TemporaryFile::create({.prefix = "a/b"}), std::invalid_argument);
    CHECK_THROWS_AS((void)TemporaryFile::create({.suffix = "/"}), std::invalid_argument);
    CHECK_THROWS_AS((void)TemporaryFile::create({.prefix = std::string_view("\0", 1)}),
                    std::invalid_argument);
}

EDDY_TEST_CASE("one in a directory that is named relatively is found again from elsewhere") {
    const TestDirectory directory;
    const stdfs::path before = stdfs::current_path();
    stdfs::current_path(directory.path());
    {
        const TemporaryFile file = co_await TemporaryFile::create({.directory = "."});
        CHECK(file.path().is_absolute());
        stdfs::current_path(before);
    }
    co_await gone(directory);
}

EDDY_TEST_CASE("a drop does not wait: the executor removes; one that is gone leaves it to us") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    HeldExecutor held;
    const TemporaryOptions options{.directory = where, .executor = &held};
    held.let_run(2);
    std::optional<TemporaryFile> first(co_await TemporaryFile::create(options));
    std::optional<TemporaryDirectory> second(co_await TemporaryDirectory::create(options));
    first.reset();
    second.reset();
    CHECK(held.submitted() == 5);  // the file is closed, too
    CHECK(directory.entries() == 2);
    held.let_run(2);
    co_await until([&] { return directory.entries() == 1; });
    held.let_all_run();
    co_await gone(directory);

    ThreadPool pool({.threads = 1});
    std::optional<TemporaryFile> third(
        co_await TemporaryFile::create({.directory = where, .executor = &pool}));
    pool.shutdown(Duration::zero());
    third.reset();
    CHECK(directory.entries() == 0);
}

TEST_CASE("what outlives its loop, and what a loop leaves queued, is removed all the same") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    {
        const TemporaryFile file = run([](std::string_view in) -> Task<TemporaryFile> {
            co_return co_await TemporaryFile::create({.directory = in});
        }(where));
        CHECK(directory.entries() == 1);
    }
    CHECK(directory.entries() == 0);
    run([](std::string_view in) -> Task<> {
        for (int i = 0; i < 20; ++i) {
            static_cast<void>(co_await TemporaryDirectory::create({.directory = in}));
        }
    }(where));
    CHECK(directory.entries() == 0);
}

EDDY_TEST_CASE("one that nobody waits for any more is removed") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    HeldExecutor held;
    CancelScope scope;
    const auto makes = [&]() -> Task<> {
        static_cast<void>(co_await TemporaryFile::create({.directory = where, .executor = &held}));
    };
    auto job = spawn(with_scope(scope, makes()));
    co_await until([&] { return held.submitted() == 1; });
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    held.let_all_run();
    co_await gone(directory);
}

TEST_CASE("cancelled at any checkpoint, there is the file, or nothing") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    const auto to = directory / "kept";
    const auto scenario = [&]() -> Task<> {
        TemporaryFile file = co_await TemporaryFile::create({.directory = where});
        co_await file.persist(to);
    };
    const auto check = [&] {  // the loop has ended, and its pool
        CHECK(directory.entries() == (stdfs::exists(to) ? 1U : 0U));
        stdfs::remove(to);
    };
    CHECK(cancel_at_each_checkpoint(scenario, check) == 2);
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("what is not persisted, for whatever reason, is nobody else's to read again") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    const auto to = directory / "kept";
    for (const auto& [call, error] : {std::pair(FileSystemCall::fsync, EIO),
                                      std::pair(FileSystemCall::renameat, EXDEV),
                                      std::pair(FileSystemCall::renameat, EACCES)}) {
        TemporaryFile file = co_await TemporaryFile::create({.directory = where});
        const FailFileCall plan(call, error, 1);
        const std::string text =
            co_await error_of([&] { return file.persist(to, {.durable = true, .mode = 0644}); });
        CHECK(plan.failed() == 1);
        CHECK((error != EXDEV ||
               text.find("make it in the target's directory") != std::string::npos));
        CHECK(permissions(file.path()) == 0600);
    }
    TemporaryFile file = co_await TemporaryFile::create({.directory = where});
    HeldFileCall plan(FileSystemCall::fsync);
    CancelScope scope;
    const auto persists = [&]() -> Task<> {
        co_await file.persist(to, {.durable = true, .mode = 0644});
    };
    auto job = spawn(with_scope(scope, persists()));
    co_await until([&] { return plan.begun(); });
    CHECK(permissions(file.path()) == 0644);
    const std::string meanwhile = co_await error_of([&] { return file.persist(to); });
    CHECK(meanwhile.ends_with(" is being persisted or removed: await that call first"));
    scope.cancel();
    co_await rounds();
    plan.let_go();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    CHECK(permissions(file.path()) == 0600);
}

EDDY_TEST_CASE("whatever system call fails, a file is there whole, or not at all") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    const auto to = directory / "kept";
    const auto makes = [&]() -> Task<bool> {
        try {
            TemporaryFile file = co_await TemporaryFile::create({.directory = where});
            co_await file.persist(to, {.replace = false, .durable = true});
        } catch (const IoError& error) {
            co_return std::string(error.what()).find("a power cut may undo") != std::string::npos;
        }
        co_return true;
    };
    std::size_t nth = 1;
    for (bool reached = true; reached; ++nth) {
        std::optional<NthCall> plan(std::in_place, nth, EIO);
        const bool there = co_await makes();
        reached = plan->reached();
        plan.reset();
        CAPTURE(nth);
        CHECK(stdfs::exists(to) == there);
        co_await until([&] { return directory.entries() == (there ? 1U : 0U); });
        stdfs::remove(to);
    }
    CHECK(nth > 7);
}

EDDY_TEST_CASE("what cannot be removed is said, and is still temporary") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    {
        TemporaryFile file = co_await TemporaryFile::create({.directory = where});
        const FailFileCall plan(FileSystemCall::unlinkat, EROFS, 1);
        const std::string text = co_await error_of([&] { return file.remove(); });
        CHECK(text == "remove " + file.path().string() + ": Read-only file system");
    }
    co_await gone(directory);
}
#endif

#if !defined(EDDY_NO_FORK) && EDDY_FORKS_AMONG_THREADS
TEST_CASE("a child that ends with its parent's temporary things leaves them") {
    const TestDirectory directory;
    const std::string where = directory.path().string();
    run([](const TestDirectory& in, std::string_view name) -> Task<> {
        auto file =
            std::make_unique<TemporaryFile>(co_await TemporaryFile::create({.directory = name}));
        auto tree = std::make_unique<TemporaryDirectory>(
            co_await TemporaryDirectory::create({.directory = name}));
        const ChildResult child = run_in_child([&] {
            file.reset();
            tree.reset();
            return 0;
        });
        CHECK(child.exit_code == 0);
        CHECK(in.entries() == 2);
    }(directory, where));
    CHECK(directory.entries() == 0);
}
#endif
