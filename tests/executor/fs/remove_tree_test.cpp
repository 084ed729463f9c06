// SPDX-License-Identifier: MIT
#include <eddy/fs/remove_tree.hpp>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <unistd.h>

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

[[maybe_unused]] Task<std::string> removal_failure(std::filesystem::path path) {
    auto call = remove_tree(path);
    try {
        static_cast<void>(co_await call);
    } catch (const IoError& error) {
        co_return error.what();
    }
    co_return "no error";
}

/// Eight entries, below and with `name`.
void make_tree(const TestDirectory& directory, std::string_view name) {
    const std::string root(name);
    std::filesystem::create_directories(directory / (root + "/a/b"));
    std::filesystem::create_directory(directory / (root + "/empty"));
    directory.write(root + "/a/b/x", "");
    directory.write(root + "/a/y", "");
    directory.write(root + "/z", "");
    std::filesystem::create_directory_symlink("../outside", directory / (root + "/link"));
}

}  // namespace

EDDY_TEST_CASE("a tree is removed with all in it, and nothing that its symlinks lead to") {
    const TestDirectory directory;
    std::filesystem::create_directory(directory / "outside");
    directory.write("outside/sentinel", "");
    make_tree(directory, "tree");
    const std::uint64_t removed = co_await remove_tree(directory / "tree");
    CHECK(removed == 8);
    CHECK(directory.entries() == 1);
    CHECK(std::filesystem::exists(directory / "outside/sentinel"));

    directory.write("file", "");
    std::filesystem::create_directory_symlink("outside", directory / "link");
    const std::uint64_t file = co_await remove_tree(directory / "file");
    CHECK(file == 1);
    const std::uint64_t link = co_await remove_tree(directory / "link/");
    CHECK(link == 1);
    const std::uint64_t nothing = co_await remove_tree(directory / "missing");
    CHECK(nothing == 0);
    const std::uint64_t below = co_await remove_tree(directory / "outside/sentinel/x");
    CHECK(below == 0);
    CHECK(directory.entries() == 1);
    CHECK(std::filesystem::exists(directory / "outside/sentinel"));
}

TEST_CASE("remove_tree refuses what is no name") {
    for (const char* path : {"", "/", "//", ".", "..", "./", "a/..", "a/../", "/."}) {
        CAPTURE(path);
        CHECK_THROWS_AS((void)remove_tree(path), std::invalid_argument);
    }
    CHECK_THROWS_WITH((void)remove_tree("a/.."),
                      "remove_tree removes by name, and a/.. has none at its end");
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("whatever fails in a removal is told, and it can be done again") {
    const TestDirectory directory(quick_place());
    std::filesystem::create_directory(directory / "outside");
    std::size_t failures = 0;
    for (std::size_t n = 1;; ++n) {
        make_tree(directory, "tree");
        std::string text;
        {
            const FailTreeCall plan(n);
            text = co_await removal_failure(directory / "tree");
            if (!plan.failed()) {
                break;
            }
            // A directory that cannot be opened may be empty.
            CHECK((text != "no error" || plan.which() == FileSystemCall::openat ||
                   plan.which() == FileSystemCall::fstat));
        }
        failures += text != "no error" ? 1U : 0U;
        CHECK(std::filesystem::exists(directory / "tree") == (text != "no error"));
        const std::string again = co_await removal_failure(directory / "tree");
        CHECK(again == "no error");
        CHECK(directory.entries() == 1);
    }
    CHECK(failures > 15);
}

EDDY_TEST_CASE("what may not be removed is named") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "tree/a");
    directory.write("tree/a/x", "");
    const std::string root = (directory / "tree").string();
    {
        const FailFileCall plan(FileSystemCall::unlinkat, EACCES, 1);
        const std::string text = co_await removal_failure(root);
        CHECK(text == "remove " + root + "/a/x: Permission denied");
    }
    {
        const FailFileCall plan(FileSystemCall::openat, EACCES, 3);
        const std::string text = co_await removal_failure(root);
        CHECK(text == "remove " + root + "/a: Permission denied");
    }
    for (const std::size_t nth : {1U, 2U}) {
        const FailFileCall plan(FileSystemCall::openat, EACCES, nth);
        const std::string text = co_await removal_failure(root);
        CHECK(text == "remove " + root + ": Permission denied");
    }
    std::filesystem::remove(directory / "tree/a/x");
    const FailFileCall plan(FileSystemCall::openat, EACCES, 3);  // but it is empty
    const std::uint64_t removed = co_await remove_tree(root);
    CHECK(removed == 2);
}

namespace {

/// Does something before the n-th call of a kind, like somebody else at that moment.
template <class F>
class Meanwhile final : public FilePlan {
public:
    Meanwhile(FileSystemCall call, std::size_t nth, F act, bool hides = false)
        : act_(act), call_(call), nth_(nth), hides_(hides) {}
    int error_of(FileSystemCall call) noexcept override {
        if (call == call_ && !acting_ && (++count_ == nth_ || nth_ == 0)) {
            acting_ = true;
            act_();
            acting_ = false;
        }
        return 0;
    }
    bool hides_kinds() noexcept override { return hides_; }

private:
    F act_;
    const FileSystemCall call_;
    const std::size_t nth_;
    const bool hides_;
    std::size_t count_ = 0;
    bool acting_ = false;
};

}  // namespace

EDDY_TEST_CASE("what others put into it meanwhile goes too, unless they never end") {
    const TestDirectory directory(quick_place());
    std::filesystem::create_directories(directory / "tree/a");
    const auto path = directory / "tree/a/new";
    const auto put = [&] { ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); };
    {
        // Before the directory "a" itself is.
        Meanwhile plan(FileSystemCall::unlinkat, 1, put);
        const std::uint64_t removed = co_await remove_tree(directory / "tree");
        CHECK(removed == 3);
    }
    {
        std::filesystem::create_directory(directory / "tree");
        const auto beside = [&, other = (directory / "tree/new").string()] {
            ::close(::open(other.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        };
        Meanwhile plan(FileSystemCall::unlinkat, 1, beside);
        const std::uint64_t removed = co_await remove_tree(directory / "tree");
        CHECK(removed == 2);
    }
    std::filesystem::create_directories(directory / "tree/a");
    Meanwhile plan(FileSystemCall::unlinkat, 0, put);
    const std::string text = co_await removal_failure(directory / "tree");
    CHECK(text == "remove " + (directory / "tree/a").string() + ": Directory not empty");
}

EDDY_TEST_CASE("a directory that becomes a symlink meanwhile is removed as one") {
    const TestDirectory directory;
    for (const bool hides : {false, true}) {
        std::filesystem::create_directory(directory / "outside");
        directory.write("outside/sentinel", "");
        std::filesystem::create_directories(directory / "tree/a");
        // Before it is opened; the first two are the root and where that is.
        Meanwhile plan(
            FileSystemCall::openat,
            3,
            [&] {
                ::rmdir((directory / "tree/a").c_str());
                ::symlink("../outside", (directory / "tree/a").c_str());
            },
            hides);
        // Where kinds are not told, it is found out that it is a directory by removing it.
        const std::string text = co_await removal_failure(directory / "tree");
        CHECK(text == (hides ? "remove " + (directory / "tree/a").string() + ": Is a directory"
                             : std::string("no error")));
        CHECK(std::filesystem::exists(directory / "outside/sentinel"));
        const std::string again = co_await removal_failure(directory / "tree");
        CHECK(again == "no error");
    }
}

EDDY_TEST_CASE(
    "a tree whose parents are renamed meanwhile is the one that goes, not its namesake") {
    const TestDirectory directory(quick_place());
    std::filesystem::create_directories(directory / "a/tree");
    directory.write("a/tree/x", "");
    Meanwhile plan(FileSystemCall::unlinkat, 2, [&] {
        std::filesystem::rename(directory / "a", directory / "b");
        std::filesystem::create_directories(directory / "a/tree");
    });
    const std::uint64_t removed = co_await remove_tree(directory / "a/tree");
    CHECK(removed == 2);
    CHECK(std::filesystem::exists(directory / "a/tree"));
    CHECK_FALSE(std::filesystem::exists(directory / "b/tree"));
}

EDDY_TEST_CASE("what others remove meanwhile is no error") {
    const TestDirectory directory(quick_place());
    for (std::size_t n = 1; n <= 8; ++n) {
        make_tree(directory, "tree");
        Meanwhile plan(FileSystemCall::unlinkat, n, [&] {
            std::error_code ignored;
            std::filesystem::remove_all(directory / "tree", ignored);
        });
        const std::string text = co_await removal_failure(directory / "tree");
        CHECK(text == "no error");
        CHECK(directory.entries() == 0);
    }
}

EDDY_TEST_CASE("a removal that is cancelled stops after an entry, and is awaited") {
    const TestDirectory directory;
    make_tree(directory, "tree");
    HoldFileCall plan(FileSystemCall::unlinkat, 2);
    HeldExecutor executor;
    CancelScope scope;
    const RemoveTreeOptions options{.executor = &executor};
    const auto removes = [&]() -> Task<> {
        static_cast<void>(co_await remove_tree(directory / "tree", options));
    };
    {
        CancelScope early;  // queued: it never runs
        auto job = spawn(with_scope(early, removes()));
        co_await rounds();
        early.cancel();
        const bool completed = co_await job;
        CHECK_FALSE(completed);
    }
    auto job = spawn(with_scope(scope, removes()));
    co_await rounds();
    executor.let_all_run();
    plan.wait_until_reached();
    scope.cancel();
    co_await rounds();
    plan.let_go();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    std::size_t left = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
        static_cast<void>(entry);
        ++left;
    }
    CHECK(left == 6);  // two have gone
    const std::uint64_t rest = co_await remove_tree(directory / "tree");
    CHECK(rest == 6);
}

#endif
