// SPDX-License-Identifier: MIT
#include <cstddef>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include <eddy/fs/file.hpp>
#include <eddy/fs/file_status.hpp>
#include <eddy/fs/file_stream.hpp>
#include <eddy/fs/read_file.hpp>
#include <eddy/fs/replace_file.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>

#include "fs_kit.hpp"

// The examples of executor/FILES.md, word by word.

namespace {

using namespace eddy;
using namespace eddy::testing;

Task<std::string> add_visit(const std::filesystem::path& file) {
    const auto known = co_await try_file_status(file);
    std::string visits;
    if (known) {
        visits = co_await read_file(file, {.limit = 1 << 20});
    }
    visits += "one more\n";
    co_await replace_file(file, visits);
    co_return visits;
}

Task<std::size_t> count_errors(const std::filesystem::path& log) {
    FileStream stream(co_await File::open(log));
    BufferedReader lines(stream);
    std::size_t errors = 0;
    while (true) {
        const auto line = co_await lines.read_line();
        if (!line) {
            co_return errors;
        }
        if (line->starts_with("error:")) {
            ++errors;
        }
    }
}

Task<std::string> read_remote(ThreadPool& remote, const std::filesystem::path& file) {
    co_return co_await read_file(file, {.executor = &remote});
}

}  // namespace

EDDY_TEST_CASE("the page's visits are counted, in one whole file after the other") {
    const TestDirectory directory;
    const auto file = directory / "visits";
    for (const char* const expected : {"one more\n", "one more\none more\n"}) {
        const std::string visits = co_await add_visit(file);
        CHECK(visits == expected);
        CHECK(content_of(file) == expected);
    }
    CHECK(directory.entries() == 1);
}

EDDY_TEST_CASE("the page's errors are counted line by line, the last one without a newline") {
    const TestDirectory directory;
    const auto log = directory.write("log", "error: a\nwell\nerror: b\n\nno error: c\nerror: d");
    const std::size_t errors = co_await count_errors(log);
    CHECK(errors == 3);
}

EDDY_TEST_CASE("the page's remote file is read on a pool of its own") {
    const TestDirectory directory;
    ThreadPool remote({.threads = 1});
    const std::string text = co_await read_remote(remote, directory.write("a", "far away"));
    CHECK(text == "far away");
    CHECK(remote.statistics().done == 1);
}
