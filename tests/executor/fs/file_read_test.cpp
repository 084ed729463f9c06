// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/cached_read.hpp>
#include <eddy/detail/loop_tries.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/loop.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

std::string numbered(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + (i % 26 + i / 1000) % 26);
    }
    return text;
}

Task<std::string> text_at(const File& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    const std::size_t length =
        co_await file.read_at(offset, std::as_writable_bytes(std::span(text)));
    text.resize(length);
    co_return text;
}

/// A job that reads and is left alone while the read is queued or runs.
struct LeftRead {
    std::vector<char> memory = std::vector<char>(100'000, '-');

    Task<> read(const File& file) {
        static_cast<void>(
            co_await file.read_at(0, std::as_writable_bytes(std::span<char>(memory))));
    }
    [[nodiscard]] bool untouched() const { return memory == std::vector<char>(100'000, '-'); }
};

}  // namespace

EDDY_TEST_CASE("a read gives what is there, and less only at the end") {
    const TestDirectory directory;
    const std::string content = numbered(700'000);
    File file = co_await File::open(directory.write("a", content));
    const std::string head = co_await text_at(file, 0, 100);
    CHECK(head == content.substr(0, 100));
    const std::string most = co_await text_at(file, 10, 600'000);
    CHECK(most == content.substr(10, 600'000));
    const std::string tail = co_await text_at(file, 699'990, 4096);
    CHECK(tail == content.substr(699'990));
    const std::string large_tail = co_await text_at(file, 100'000, 1'000'000);
    CHECK(large_tail == content.substr(100'000));
    const std::string beyond = co_await text_at(file, 1'000'000, 10);
    CHECK(beyond.empty());
    const std::string nothing = co_await text_at(file, 0, 0);
    CHECK(nothing.empty());
    CHECK_THROWS_AS(co_await text_at(file, std::uint64_t{1} << 63U, 1), std::out_of_range);
    const std::string last = co_await text_at(file, (std::uint64_t{1} << 63U) - 1, 1);
    CHECK(last.empty());
}

EDDY_TEST_CASE("beyond two and four gigabytes, too") {
    const TestDirectory directory;
    File file = co_await File::open(directory.write("a", ""), {.access = Access::read_write});
    for (const std::uint64_t offset : {std::uint64_t{1} << 31U, std::uint64_t{1} << 40U}) {
        co_await file.write_at(offset, "far away");
        const std::string got = co_await text_at(file, offset - 2, 100);
        CHECK(got == std::string(2, '\0') + "far away");
    }
    const FileStatus status = co_await file.status();
    CHECK(status.size == (std::uint64_t{1} << 40U) + 8);
    CHECK(status.allocated < std::uint64_t{1} << 30U);
}

EDDY_TEST_CASE("a file that was opened to be written only is not read") {
    const TestDirectory directory;
    for (const Access access : {Access::write, Access::append}) {
        File file = co_await File::open(directory.write("a", "1"), {.access = access});
        CHECK_THROWS_AS(co_await text_at(file, 0, 1), InvalidState);
    }
}

EDDY_TEST_CASE("large reads on the loop let others have their turn") {
    const TestDirectory directory;
    File file = co_await File::open(directory.write("a", std::string(65'536, 'x')));
    int turns = 0;
    auto other = spawn([](int& count) -> Task<> {
        while (true) {
            ++count;
            co_await yield();
        }
    }(turns));
    constexpr int reads = 200;
    std::vector<std::byte> memory(65'536);
    for (int i = 0; i < reads; ++i) {
        static_cast<void>(co_await file.read_at(0, memory));
    }
    CHECK(turns >= reads / 20);
    other.cancel();
    co_await other.wait();
}

TEST_CASE("a loop that has waited for a disk leaves many reads to threads, then tries again") {
    detail::LoopTries tries;
    const auto paused = [&tries] {
        std::size_t count = 0;
        while (!tries.next()) {
            ++count;
        }
        return count;
    };
    for (int i = 0; i < 2000; ++i) {
        CHECK(tries.next());
        tries.was_quick();
    }
    for (const std::size_t expected : {256UL, 512UL, 1024UL, 2048UL, 4096UL, 4096UL}) {
        tries.was_slow();
        CHECK(paused() == expected);
        tries.was_quick();
    }
    for (int i = 0; i < 2000; ++i) {
        tries.was_quick();
    }
    tries.was_slow();
    CHECK(paused() == 256);
    tries.stop();
    CHECK_FALSE(tries.next());
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("what is in the page cache is read on the loop, up to 64 KiB") {
    const TestDirectory directory;
    const std::string content = numbered(200'000);
    File file = co_await File::open(directory.write("a", content));
    {
        const ShortTransfers plain(static_cast<std::size_t>(-1));
        const std::string got = co_await text_at(file, 0, 65'536);
        CHECK(got == content.substr(0, 65'536));
    }
    if (file.statistics().reads_on_loop == 0) {
        MESSAGE("no RWF_NOWAIT where temporary files are: nothing to see");
        co_return;
    }
    CHECK(file.statistics().reads_offloaded == 0);
    const std::string large = co_await text_at(file, 0, 65'537);
    CHECK(large == content.substr(0, 65'537));
    CHECK(file.statistics().reads_on_loop == 1);
    CHECK(file.statistics().reads_offloaded == 1);
    const std::string tail = co_await text_at(file, 199'000, 4096);
    CHECK(tail == content.substr(199'000));
    CHECK(file.statistics().reads_offloaded == 2);  // which say that it is the end
}

EDDY_TEST_CASE(
    "when the loop cannot read it, a thread does, and where it never can, from then on") {
    struct Case {
        int error;
        bool asks_again;
    };
    const Case cases[] = {{EAGAIN, true},
                          {EINTR, true},
                          {EIO, true},
                          {FilePlan::ends, true},
                          {EOPNOTSUPP, false},
                          {EPERM, false},
                          {EINVAL, false},
                          {ENOSYS, false}};
    const TestDirectory directory;
    const std::string content = numbered(10'000);
    const auto path = directory.write("a", content);
    for (const Case& one : cases) {
        CAPTURE(one.error);
        detail::ask_again_for_cached_reads();
        File file = co_await File::open(path);
        const FailFileCall plan(FileSystemCall::preadv2, one.error, 1, FailFileCall::always);
        for (int i = 0; i < 3; ++i) {
            const std::string got = co_await text_at(file, 5, 5000);
            CHECK(got == content.substr(5, 5000));
        }
        CHECK(plan.calls() == (one.asks_again ? 3 : 1));
        CHECK(file.statistics().reads_on_loop == 0);
        CHECK(file.statistics().reads_offloaded == 3);
        File second = co_await File::open(path);
        const std::string got = co_await text_at(second, 5, 5000);
        CHECK(got == content.substr(5, 5000));
        // That the process has no such call holds for all files; the rest for one.
        CHECK(plan.calls() == (one.error == ENOSYS ? 1 : one.asks_again ? 4 : 2));
        CHECK(detail::may_read_cached() == (one.error != ENOSYS));
    }
    detail::ask_again_for_cached_reads();
}

EDDY_TEST_CASE("whatever is short, and whatever fails: all of it, or an error") {
    const TestDirectory directory;
    const std::string content = numbered(300'000);
    const auto path = directory.write("a", content);
    for (const std::size_t most : {1000UL, 70'001UL}) {
        File file = co_await File::open(path);
        const ShortTransfers plan(most);
        const std::string small = co_await text_at(file, 1, 5000);
        CHECK(small == content.substr(1, 5000));
        const std::string large = co_await text_at(file, 1, 290'000);
        CHECK(large == content.substr(1, 290'000));
    }
    File file = co_await File::open(path);
    std::size_t nth = 1;
    for (bool failed = true; failed; ++nth) {
        const FailFileCall plan(FileSystemCall::pread, EIO, nth);
        std::string got;
        try {
            got = co_await text_at(file, 0, 290'000);
        } catch (const IoError& error) {
            CHECK(std::string(error.what()) == "read " + path.string() + ": Input/output error");
        }
        failed = plan.failed() != 0;
        CHECK(got == (failed ? "" : content.substr(0, 290'000)));
    }
    CHECK(nth == 4);  // two pieces
    const FailFileCall interrupted(FileSystemCall::pread, EINTR, 1, 3);
    const std::string got = co_await text_at(file, 0, 290'000);
    CHECK(got == content.substr(0, 290'000));
}

EDDY_TEST_CASE("a read that is cancelled is left alone at once, and touches its span no more") {
    const TestDirectory directory;
    const auto path = directory.write("a", std::string(100'000, 'x'));
    HeldExecutor held;
    held.let_run();
    File file = co_await File::open(path, {.executor = &held});
    for (const bool running : {false, true}) {
        auto left = std::make_unique<LeftRead>();
        CancelScope scope;
        auto job = spawn(with_scope(scope, left->read(file)));
        co_await rounds();
        CHECK(file.statistics().running == 1);
        std::optional<HeldFileCall> blocked;
        if (running) {
            blocked.emplace(FileSystemCall::pread);
            held.let_run();
            blocked->wait_until_it_runs();
        }
        scope.cancel();
        const bool completed = co_await job;
        CHECK_FALSE(completed);
        CHECK(left->untouched());
        left.reset();  // its memory is gone, and the thread still reads
        CHECK(file.statistics().running == (running ? 1 : 0));
        if (running) {
            blocked.reset();
        } else {
            held.let_run();  // the withdrawn one
        }
    }
    held.let_all_run();
    co_await until([&] { return file.statistics().running == 0; });
    const std::string got = co_await text_at(file, 0, 10);
    CHECK(got == "xxxxxxxxxx");
}

#endif

EDDY_TEST_CASE("a read that loses a select can be awaited again, and keeps no file open") {
    const TestDirectory directory;
    HeldExecutor held;
    held.let_run();
    File file =
        co_await File::open(directory.write("a", std::string(100'000, 'x')), {.executor = &held});
    std::vector<std::byte> memory(100'000);
    auto read = file.read_at(0, memory);
    for (int i = 0; i < 2; ++i) {
        const auto got = co_await select(read, yield());
        CHECK(got.index() == 1);
        CHECK(held.submitted() == static_cast<std::size_t>(i) + 2);
        CHECK(file.statistics().running == 0);
        held.let_run();  // gives it back
    }
    held.let_all_run();
    const std::size_t length = co_await read;
    CHECK(length == 100'000);
    CHECK(memory[99'999] == std::byte{'x'});
    const auto won = co_await select(sleep_for(1h), read);
    CHECK(won.index() == 1);
}

TEST_CASE("a loop whose grace is over leaves a read alone, and its memory untouched") {
    const TestDirectory directory;
    const auto path = directory.write("a", std::string(100'000, 'x'));
    for (const bool running : {false, true}) {
        if (running && EDDY_FILE_CALL_FAULTS == 0) {
            continue;
        }
        auto memory = std::make_unique<std::vector<char>>(100'000, '-');
        HeldExecutor executor;
        executor.let_run(running ? 2 : 1);
        HeldFileCall blocked(FileSystemCall::pread);
        VirtualClock clock;
        const auto reads = [&]() -> Task<> {
            const File file = co_await File::open(path, {.executor = &executor});
            co_await shield([](const File& from, std::span<char> into) -> Task<> {
                static_cast<void>(co_await from.read_at(0, std::as_writable_bytes(into)));
            }(file, *memory));
        };
        const auto main = [&]() -> Task<> {
            spawn(reads()).detach();
            co_await until([&] { return executor.submitted() == 2; });
            if (running) {
                blocked.wait_until_it_runs();
            }
        };
        Loop loop({.clock = &clock});
        loop.run(main(), {.grace = 1ms});
        CHECK(*memory == std::vector<char>(100'000, '-'));
        memory.reset();
        executor.let_all_run();  // and closes the file, which its last user does
    }
}
