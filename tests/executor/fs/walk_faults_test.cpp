// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <stdio.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/fs/remove_tree.hpp>
#include <eddy/fs/walk.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "../../support/private/heap_hooks.hpp"
#include "../../support/private/shortage.hpp"
#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "tree_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

[[maybe_unused]] std::string below(const std::filesystem::path& root, const std::string& path) {
    return path.size() > root.string().size() ? path.substr(root.string().size() + 1) : "";
}

bool has(const std::vector<WalkEntry>& entries, const std::string& path) {
    return std::any_of(
        entries.begin(), entries.end(), [&](const WalkEntry& entry) { return entry.path == path; });
}

/// While it lives, a thread exchanges two names all the time.
class Exchanges final {
public:
    Exchanges(const std::filesystem::path& one, const std::filesystem::path& other)
        : thread_([this, one = one.string(), other = other.string()] {
              while (!stop_) {
                  static_cast<void>(
                      ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
                  ++count_;
              }
          }) {}
    Exchanges(const Exchanges&) = delete;
    Exchanges& operator=(const Exchanges&) = delete;
    ~Exchanges() {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] int count() const noexcept { return count_; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<int> count_{0};
    std::thread thread_;  // last: it uses the others
};

}  // namespace

TEST_CASE("nobody leads a walk or a removal out of its tree by exchanging a directory for a link") {
    const TestDirectory directory(quick_place());
    std::filesystem::create_directory(directory / "outside");
    directory.write("outside/secret", "");
    const auto attacked = [&]() -> Task<> {
        std::size_t walks = 0;
        for (int i = 0; i < 100; ++i) {
            std::filesystem::create_directories(directory / "tree/a/b");
            std::filesystem::create_directory_symlink(directory / "outside", directory / "other");
            {
                const Exchanges exchanges(directory / "tree/a", directory / "other");
                while (exchanges.count() == 0) {
                    std::this_thread::yield();
                }
                DirectoryWalk entries = walk(directory / "tree");
                const auto all = co_await rest_of(entries);
                CHECK_FALSE(has(all, (directory / "tree/a/secret").string()));
                walks += all.empty() ? 0U : 1U;
                try {
                    auto removal = remove_tree(directory / "tree");
                    static_cast<void>(co_await removal);
                } catch (const IoError&) {  // it may have met it in the middle
                }
            }
            static_cast<void>(co_await remove_tree(directory / "tree"));
            static_cast<void>(co_await remove_tree(directory / "other"));
            CHECK(std::filesystem::exists(directory / "outside/secret"));
        }
        CHECK(walks > 0);
    };
    run(attacked());
}

EDDY_TEST_CASE("links are come back from, however deep it is behind them") {
    const TestDirectory directory(quick_place());
    const TestDirectory elsewhere(quick_place());
    for (const char* const name : {"a", "b"}) {
        std::filesystem::create_directory(elsewhere / name);
        make_deep(elsewhere / name, 40, "d");
    }
    std::filesystem::create_directories(directory / "m");
    for (const char* const name : {"a", "b"}) {
        std::filesystem::create_directory_symlink(elsewhere / name, directory / "m" / name);
    }
    DirectoryWalk entries = walk(directory.path(), {.follow = true});
    const auto all = co_await rest_of(entries);
    CHECK(all.size() == 3 + 2 * 80);
    CHECK(std::none_of(all.begin(), all.end(), [](const WalkEntry& entry) {
        return static_cast<bool>(entry.error);
    }));
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("whatever fails in a walk, it is told, and all else comes") {
    const TestDirectory directory(quick_place());
    const auto& root = directory.path();
    std::filesystem::create_directories(directory / "a/b");
    std::filesystem::create_directory(directory / "c");
    directory.write("a/b/x", "");
    directory.write("a/y", "");
    directory.write("c/z", "");
    const std::vector<std::string> expected{"a", "a/b", "a/b/x", "a/y", "c", "c/z"};
    std::size_t thrown = 0;
    std::size_t told = 0;
    for (std::size_t n = 1;; ++n) {
        const FailTreeCall plan(n);
        DirectoryWalk entries = walk(root, {.status = true});
        std::vector<WalkEntry> all;
        try {
            all = co_await rest_of(entries);
        } catch (const IoError& error) {
            CHECK(std::string_view(error.what()).ends_with(root.string() + ": Input/output error"));
            ++thrown;
            continue;
        }
        std::vector<std::string> failed;
        for (const WalkEntry& entry : all) {
            if (entry.error) {
                CHECK(entry.error.value() == EIO);
                failed.push_back(entry.path);
            }
        }
        CHECK(failed.size() == (plan.failed() ? 1 : 0));
        if (!plan.failed()) {
            break;
        }
        ++told;
        for (const std::string& name : expected) {
            const std::string path = (root / name).string();
            CHECK((has(all, path) || path.starts_with(failed.front() + "/")));
        }
    }
    CHECK(thrown == 8);  // opened, identified, a stream made of it, read to the end: five times
    CHECK(told >= 16);
}

EDDY_TEST_CASE("a root that breaks off says so after what it had, and that is the end") {
    const TestDirectory directory;
    directory.write("a", "");
    directory.write("b", "");
    const FailFileCall plan(FileSystemCall::readdir, EIO, 4);  // "." and ".." are the others
    DirectoryWalk entries = walk(directory.path());
    std::size_t before = 0;
    std::string text;
    try {
        while (true) {
            const auto entry = co_await entries.next();
            if (!entry) {
                break;
            }
            ++before;
        }
    } catch (const IoError& error) {
        text = error.what();
    }
    CHECK(before <= 2);
    CHECK(text == "read " + directory.path().string() + ": Input/output error");
    const auto end = co_await entries.next();
    CHECK_FALSE(end.has_value());
}

EDDY_TEST_CASE("kinds that a directory does not tell are looked up") {
    class Hides final : public FilePlan {
    public:
        int error_of(FileSystemCall) noexcept override { return 0; }
        bool hides_kinds() noexcept override { return true; }
    };
    const TestDirectory directory;
    std::filesystem::create_directory(directory / "a");
    std::filesystem::create_directory_symlink("a", directory / "link");
    directory.write("a/b", "");
    const Hides plan;
    DirectoryWalk plain = walk(directory.path());
    const auto stays = co_await rest_of(plain);
    CHECK(stays.size() == 3);
    DirectoryWalk following = walk(directory.path(), {.follow = true});
    const auto goes = co_await rest_of(following);
    CHECK(goes.size() == 4);
}

namespace {

/// Walks through m/a and m/b, both deep, and when it is far down in the first of them, calls `act`
/// with its name.
template <class F>
Task<std::vector<WalkEntry>> walk_and_meanwhile(const TestDirectory& directory, F act) {
    for (const char* const name : {"m/a", "m/b"}) {
        std::filesystem::create_directories(directory / name);
        make_deep(directory / name, 40, "d");
    }
    HoldFileCall plan(FileSystemCall::openat, 38);
    HeldExecutor executor;
    executor.let_all_run();
    DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
    auto job = spawn(rest_of(entries));
    co_await rounds();
    plan.wait_until_reached();
    // Which one it is: that in whose deepest directory nothing has been opened can be moved, too.
    act();
    plan.let_go();
    co_return co_await job;
}

}  // namespace

EDDY_TEST_CASE("directories that are moved away while it is in them are come back from") {
    const TestDirectory directory(quick_place());
    const TestDirectory elsewhere(quick_place());
    const auto all = co_await walk_and_meanwhile(directory, [&] {
        for (const char* const name : {"a", "b"}) {
            std::filesystem::rename(directory / "m" / name / "d", elsewhere / name);
        }
    });
    // All of the first, and of the second what is still there.
    CHECK(all.size() == 3 + 80 + 1);
    CHECK(std::none_of(all.begin(), all.end(), [](const WalkEntry& entry) {
        return static_cast<bool>(entry.error);
    }));
}

EDDY_TEST_CASE("a directory that is not found again says so, and the walk goes on above it") {
    const TestDirectory directory(quick_place());
    const TestDirectory elsewhere(quick_place());
    directory.write("z", "");
    const auto all = co_await walk_and_meanwhile(directory, [&] {
        for (const char* const name : {"a", "b"}) {
            std::filesystem::rename(directory / "m" / name / "d", elsewhere / name);
        }
        std::filesystem::rename(directory / "m", elsewhere / "m");
        std::filesystem::create_directory(directory / "m");
    });
    std::vector<std::string> failed;
    for (const WalkEntry& entry : all) {
        if (entry.error) {
            failed.push_back(below(directory.path(), entry.path));
            CHECK(entry.error.value() == ESTALE);
            CHECK(entry.depth == 0);
        }
    }
    CHECK(failed == std::vector<std::string>{"m"});
    CHECK(has(all, (directory / "z").string()));
}

#endif

#if EDDY_HEAP_HOOKS
TEST_CASE("a shortage in a walk: what it could not read, it does not leave out in silence") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "m");
    make_deep(directory / "m", 31, "d");
    survives_shortage_in_job([&]() -> Task<> {
        ThreadPool pool({.threads = 1});
        DirectoryWalk entries = walk(directory.path(), {.status = true, .executor = &pool});
        std::size_t count = 0;
        while (true) {
            const auto entry = co_await entries.next();
            if (!entry) {
                break;
            }
            ++count;
        }
        if (count != 63) {
            throw std::logic_error("entries are missing, and nobody said so");
        }
    });
}
#endif
