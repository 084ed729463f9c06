// SPDX-License-Identifier: MIT
#include <eddy/fs/walk.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/fs/remove_tree.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "../../support/private/descriptor_count.hpp"
#include "../../support/private/skip.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "tree_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

Task<std::string> next_failure_of(DirectoryWalk& entries) {
    try {
        static_cast<void>(co_await entries.next());
    } catch (const IoError& error) {
        co_return error.what();
    }
    co_return "no error";
}

using Named = std::map<std::string, WalkEntry>;

/// By their paths below the root.
Task<Named> walked(std::filesystem::path root, WalkOptions options) {
    DirectoryWalk entries = walk(root, options);
    Named named;
    for (WalkEntry& entry : co_await rest_of(entries)) {
        const std::string below = entry.path.substr(root.string().size() + 1);
        CHECK(named.emplace(below, std::move(entry)).second);
    }
    co_return named;
}

std::set<std::string> names_of(const Named& entries) {
    std::set<std::string> names;
    for (const auto& [name, entry] : entries) {
        names.insert(name);
    }
    return names;
}

}  // namespace

EDDY_TEST_CASE("a walk finds everything below its root, a directory before what is in it") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "a/b/c");
    std::filesystem::create_directory(directory / "empty");
    directory.write("a/b/file", "12345");
    directory.write("top", "");
    std::filesystem::create_symlink("..", directory / "a/link");
    const std::string odd = "\xff\n" + std::string(253, 'x');
    directory.write("a/" + odd, "");

    DirectoryWalk entries = walk(directory.path(), {.status = true});
    std::set<std::string> seen{directory.path().string()};
    Named named;
    for (WalkEntry& entry : co_await rest_of(entries)) {
        const std::filesystem::path path = entry.path;
        CHECK(seen.contains(path.parent_path().string()));
        CHECK(seen.insert(entry.path).second);
        CHECK(entry.name() == path.filename().string());
        CHECK_FALSE(entry.error);
        const auto parts = path.lexically_relative(directory.path());
        CHECK(entry.depth + 1 ==
              static_cast<std::size_t>(std::distance(parts.begin(), parts.end())));
        named.emplace(parts.string(), std::move(entry));
    }
    CHECK(names_of(named) ==
          std::set<std::string>{
              "a", "a/b", "a/b/c", "a/b/file", "a/link", "a/" + odd, "empty", "top"});
    CHECK(named["a/b"].is_directory());
    CHECK(named["a/link"].kind == FileKind::symlink);
    CHECK((named["a/b/file"].status && named["a/b/file"].status->size == 5));
    const auto again = co_await entries.next();
    CHECK_FALSE(again.has_value());
}

EDDY_TEST_CASE("the root is named as it was given, and may be a symlink") {
    const TestDirectory directory;
    std::filesystem::create_directory(directory / "real");
    directory.write("real/file", "");
    std::filesystem::create_directory_symlink("real", directory / "link");
    const std::string root = (directory / "link").string();
    DirectoryWalk plain = walk(root);
    const auto one = co_await plain.next();
    CHECK((one && one->path == root + "/file" && one->kind == FileKind::regular));
    CHECK((one && !one->status));
    DirectoryWalk slash = walk(root + "/");
    const auto same = co_await slash.next();
    CHECK((same && same->path == root + "/file"));
}

EDDY_TEST_CASE("a root that cannot be read is an IoError, and may be tried again") {
    const TestDirectory directory;
    const std::string root = (directory / "root").string();
    DirectoryWalk entries = walk(root);
    for (int i = 0; i < 2; ++i) {
        const std::string text = co_await next_failure_of(entries);
        CHECK(text == "open " + root + ": No such file or directory");
    }
    directory.write("root", "");
    const std::string file = co_await next_failure_of(entries);
    CHECK(file == "open " + root + ": Not a directory");
    std::filesystem::remove(root);
    std::filesystem::create_directory(root);
    const auto end = co_await entries.next();
    CHECK_FALSE(end.has_value());
    CHECK_THROWS_AS((void)walk(std::string("a\0b", 3)), std::invalid_argument);
    const DirectoryWalk moved = std::move(entries);
    CHECK_THROWS_AS((void)entries.next(), InvalidState);  // NOLINT(bugprone-use-after-move)
}

EDDY_TEST_CASE("as deep as asked for") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "a/b/c");
    const auto flat = co_await walked(directory.path(), {.max_depth = 0});
    CHECK(names_of(flat) == std::set<std::string>{"a"});
    const auto two = co_await walked(directory.path(), {.max_depth = 1});
    CHECK(names_of(two) == std::set<std::string>{"a", "a/b"});
}

EDDY_TEST_CASE("symlinks are followed if asked to, around no circle") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "a/b");
    directory.write("file", "123");
    std::filesystem::create_directory_symlink("../..", directory / "a/b/round");
    std::filesystem::create_directory_symlink("a", directory / "same");
    std::filesystem::create_symlink("file", directory / "link");
    std::filesystem::create_symlink("nowhere", directory / "broken");
    std::filesystem::create_symlink("itself", directory / "itself");

    const auto stays = co_await walked(directory.path(), {});
    CHECK(stays.size() == 8);
    auto goes = co_await walked(directory.path(), {.follow = true, .status = true});
    CHECK(names_of(goes) == std::set<std::string>{"a",
                                                  "a/b",
                                                  "a/b/round",
                                                  "broken",
                                                  "file",
                                                  "itself",
                                                  "link",
                                                  "same",
                                                  "same/b",
                                                  "same/b/round"});
    CHECK(goes["a/b/round"].is_directory());
    CHECK(goes["a/b/round"].error == std::errc::too_many_symbolic_link_levels);
    CHECK(goes["same"].is_directory());
    CHECK(goes["link"].kind == FileKind::regular);
    CHECK((goes["link"].status && goes["link"].status->size == 3));
    CHECK(goes["broken"].kind == FileKind::symlink);
    CHECK_FALSE(goes["broken"].error);
    CHECK(goes["itself"].kind == FileKind::symlink);
    CHECK(goes["itself"].error == std::errc::too_many_symbolic_link_levels);
}

EDDY_TEST_CASE("other file systems are left out if asked to") {
    struct stat dev = {};
    struct stat pts = {};
    if (::stat("/dev", &dev) != 0 || ::stat("/dev/pts", &pts) != 0 || dev.st_dev == pts.st_dev) {
        skip("nothing is mounted at /dev/pts");
        co_return;
    }
    std::size_t opened = 0;
    for (const bool status : {true, false}) {
        const FailFileCall counts(FileSystemCall::openat, 0, 0);
        auto entries = co_await walked("/dev", {.status = status, .one_file_system = true});
        // What is mounted there is not touched either.
        CHECK((status || counts.calls() == opened));
        opened = counts.calls();
        CHECK(entries.contains("pts"));
        CHECK_FALSE(entries["pts"].error);
        CHECK_FALSE(entries.contains("pts/ptmx"));
    }
    const auto all = co_await walked("/dev", {});
    CHECK(all.contains("pts/ptmx"));
}

EDDY_TEST_CASE("a directory that is skipped is not there, however much was read ahead") {
    const TestDirectory directory(quick_place());
    std::filesystem::create_directories(directory / "a/large");
    std::filesystem::create_directories(directory / "b/below/c");
    directory.write("b/below/x", "");
    directory.write("z", "");
    for (int i = 0; i < 600; ++i) {  // more than two batches
        directory.write("a/large/" + std::to_string(i), "");
    }
    for (const std::string_view skipped : {"a/large", "a", "b", "b/below", "b/below/x", "z"}) {
        DirectoryWalk entries = walk(directory.path());
        std::set<std::string> names;
        entries.skip_directory();  // of nothing
        while (true) {
            const auto entry = co_await entries.next();
            if (!entry) {
                break;
            }
            const std::string name = entry->path.substr(directory.path().string().size() + 1);
            names.insert(name);
            if (name == skipped) {
                entries.skip_directory();
            }
        }
        CHECK(names.contains("a") == true);
        CHECK(names.contains("a/large") == (skipped != "a"));
        CHECK(names.contains("a/large/0") == (skipped != "a" && skipped != "a/large"));
        CHECK(names.contains("a/large/599") == (skipped != "a" && skipped != "a/large"));
        CHECK(names.contains("b/below") == (skipped != "b"));
        CHECK(names.contains("b/below/c") == (skipped != "b" && skipped != "b/below"));
        CHECK(names.contains("z"));
    }
}

TEST_CASE("five thousand files of one directory come in twenty hops") {
    const TestDirectory directory(quick_place());
    std::vector<std::string> expected;
    for (int i = 0; i < 5000; ++i) {
        expected.push_back(directory.write("file " + std::to_string(i), "").string());
    }
    std::sort(expected.begin(), expected.end());
    HeldExecutor executor;
    executor.let_all_run();
    const auto count = [&]() -> Task<> {
        DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
        const auto all = co_await rest_of(entries);
        CHECK(sorted_paths(all) == expected);
    };
    run(count());
    CHECK(executor.submitted() == 20);
}

TEST_CASE("a tree that is deeper than any path is walked and removed with a few descriptors") {
    constexpr std::size_t depth = 3000;
    const TestDirectory directory(quick_place());
    make_deep(directory.path(), depth, "directory", 10);
    const auto walks = [&]() -> Task<> {
        const std::size_t before = open_fds();
        std::size_t most = 0;
        std::size_t files = 0;
        std::size_t deepest = 0;
        DirectoryWalk entries = walk(directory.path());
        while (true) {
            const auto entry = co_await entries.next();
            if (!entry) {
                break;
            }
            CHECK_FALSE(entry->error);
            files += entry->name() == "f" ? 1U : 0U;
            deepest = std::max(deepest, entry->depth);
            most = std::max(most, entry->depth % 100 == 0 ? open_fds() : 0);
        }
        CHECK(files == depth / 10);
        CHECK(deepest == depth - 1);
        CHECK(most <= before + 40);  // its pool has some, too
        const std::uint64_t removed = co_await remove_tree(directory / "directory");
        CHECK(removed == depth + depth / 10 - 1);
    };
    run(walks());
    CHECK(directory.entries() == 1);
}

TEST_CASE("random trees come as the standard library finds them") {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        const TestDirectory directory(quick_place());
        std::vector<std::filesystem::path> places{directory.path()};
        for (int i = 0; i < 300; ++i) {
            const std::filesystem::path path = places[random() % places.size()] / std::to_string(i);
            switch (random() % 4) {
                case 0:
                    std::filesystem::create_directory(path);
                    places.push_back(path);
                    break;
                case 1:
                    std::filesystem::create_symlink(places[random() % places.size()], path);
                    break;
                default:
                    std::filesystem::create_directory(path);
                    std::filesystem::remove(path);
                    ::close(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
                    break;
            }
        }
        std::vector<std::string> expected;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
            expected.push_back(entry.path().string());
        }
        std::sort(expected.begin(), expected.end());
        const auto walks = [&]() -> Task<> {
            DirectoryWalk entries = walk(directory.path());
            const auto all = co_await rest_of(entries);
            CHECK(sorted_paths(all) == expected);
        };
        run(walks());
    }
}
