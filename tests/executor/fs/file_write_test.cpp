// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/gather.hpp>
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
#include "heap_hooks.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

constexpr OpenOptions both{.access = Access::read_write, .create = Create::may};

/// What it throws; "" if nothing.
template <class F>
Task<std::string> io_error_of(F make) {
    auto operation = make();
    try {
        co_await operation;
    } catch (const IoError& error) {
        co_return error.what();
    }
    co_return "";
}

}  // namespace

EDDY_TEST_CASE("a write is at its offset, whatever its size, and zeros fill the gap") {
    const TestDirectory directory;
    const auto path = directory / "a";
    File file = co_await File::open(path, both);
    co_await file.write_at(3, "abc");
    CHECK(content_of(path) == std::string(3, '\0') + "abc");
    const std::string large(700'001, 'x');
    co_await file.write_at(1, large);
    CHECK(content_of(path) == std::string(1, '\0') + large);
    co_await file.write_at(0, std::string("temporary"));
    co_await file.write_at(0, "");
    CHECK(content_of(path).substr(0, 10) == "temporaryx");
    co_await file.truncate(4);
    CHECK(content_of(path) == "temp");
    co_await file.truncate(6);
    CHECK(content_of(path) == std::string("temp\0\0", 6));
    co_await file.sync();
    CHECK(file.statistics().writes == 3);
}

EDDY_TEST_CASE("offsets that no file has are refused before anything happens") {
    const TestDirectory directory;
    File file = co_await File::open(directory / "a", both);
    constexpr std::uint64_t last = (std::uint64_t{1} << 63U) - 1;
    CHECK_THROWS_AS(co_await file.write_at(last, "x"), std::out_of_range);
    CHECK_THROWS_AS(co_await file.write_at(last + 1, ""), std::out_of_range);
    CHECK_THROWS_AS(co_await file.truncate(last + 1), std::out_of_range);
    CHECK_THROWS_AS(co_await file.advise(Advice::normal, last, 1), std::out_of_range);
    const std::string text = co_await io_error_of([&] { return file.write_at(last - 1, "x"); });
    CHECK(text.find("File too large") != std::string::npos);
    constexpr auto none = static_cast<std::uint64_t>(-1);
    CHECK_THROWS_AS(co_await file.write_at(none, "x"), std::out_of_range);
    File log = co_await File::open(directory / "a", {.access = Access::append});
    CHECK_THROWS_AS(co_await log.write_at(none, "x"), InvalidState);
    CHECK(content_of(directory / "a").empty());
}

EDDY_TEST_CASE("what is appended is at the end, whoever else appends") {
    const TestDirectory directory;
    const auto path = directory.write("log", "first\n");
    File one = co_await File::open(path, {.access = Access::append});
    File two = co_await File::open(path, {.access = Access::append, .create = Create::may});
    co_await one.append("second\n");
    co_await two.append(std::string("third\n"));
    co_await one.append("fourth\n");
    CHECK(content_of(path) == "first\nsecond\nthird\nfourth\n");
    CHECK_THROWS_AS(co_await one.write_at(0, "x"), InvalidState);
    File other = co_await File::open(path, {.access = Access::write});
    CHECK_THROWS_AS(co_await other.append("x"), InvalidState);
    const auto lines = [](File& file, char letter) -> Task<> {
        for (int i = 0; i < 20; ++i) {
            co_await file.append(std::string(1000, letter) + "\n");
        }
    };
    co_await one.close();
    File again = co_await File::open(path, {.access = Access::append, .truncate = true});
    co_await gather(lines(again, 'a'), lines(two, 'b'));
    const std::string text = content_of(path);
    CHECK(text.size() == 40'040);
    for (std::size_t at = 0; at < text.size(); at += 1001) {
        const std::string line = text.substr(at, 1001);
        CHECK(line == std::string(1000, line[0]) + "\n");
    }
}

EDDY_TEST_CASE("a write that is cancelled while it is queued has not happened") {
    const TestDirectory directory;
    const auto path = directory.write("a", "old");
    HeldExecutor held;
    held.let_run();
    File file = co_await File::open(path, {.access = Access::write, .executor = &held});
    auto write = file.write_at(0, "new");
    const auto got = co_await select(write, yield());
    CHECK(got.index() == 1);
    CHECK(held.submitted() == 2);
    CHECK(file.statistics().running == 0);
    held.let_all_run();
    co_await file.sync();
    CHECK(content_of(path) == "old");
    co_await write;
    CHECK(content_of(path) == "new");
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("a write that is cancelled while it runs goes on to its end, and counts") {
    const TestDirectory directory;
    const auto path = directory.write("a", "old");
    File file = co_await File::open(path, both);
    const std::string text(600'000, 'n');
    HeldFileCall blocked(FileSystemCall::pwrite);
    bool written = false;
    CancelScope scope;
    auto job = spawn(with_scope(scope, [](File& to, const std::string& what, bool& done) -> Task<> {
        co_await to.write_at(0, what);
        done = true;
        co_await checkpoint();
    }(file, text, written)));
    co_await until([&] { return file.statistics().writes == 1; });
    blocked.wait_until_it_runs();
    scope.cancel();
    co_await rounds();
    CHECK_FALSE(job.done());
    blocked.let_go();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    CHECK(written);
    CHECK(content_of(path) == text);
}

TEST_CASE("when the loop's grace is over, a write stops after the piece it is at") {
    const TestDirectory directory;
    const auto path = directory.write("a", "");
    auto text = std::make_unique<std::string>(1'000'000, 'n');
    {
        HeldExecutor executor;
        executor.let_all_run();
        HeldFileCall blocked(FileSystemCall::pwrite);
        VirtualClock clock;
        Loop loop({.clock = &clock});
        const auto writes = [&]() -> Task<> {
            const File file =
                co_await File::open(path, {.access = Access::write, .executor = &executor});
            co_await shield([](const File& to, const std::string& all) -> Task<> {
                co_await to.write_at(0, all);
            }(file, *text));
        };
        const auto main = [&]() -> Task<> {
            spawn(writes()).detach();
            co_await until([&] { return blocked.begun(); });
        };
        loop.run(main(), {.grace = 1ms});
        text.reset();  // its memory is gone, and the thread still writes
    }
    CHECK(content_of(path) == std::string(262'144, 'n'));
}

EDDY_TEST_CASE("short writes are completed; a failure says how far it came") {
    const TestDirectory directory;
    const auto path = directory / "a";
    const std::string text(600'000, 'x');
    File file = co_await File::open(path, both);
    {
        const ShortTransfers plan(100'000);
        co_await file.write_at(0, text);
        CHECK(content_of(path) == text);
    }
    const char* const how_far[] = {
        "", " (after 262144 of 600000 bytes)", " (after 524288 of 600000 bytes)"};
    std::size_t nth = 1;
    for (bool failed = true; failed; ++nth) {
        const FailFileCall plan(FileSystemCall::pwrite, ENOSPC, nth);
        const std::string got = co_await io_error_of([&] { return file.write_at(0, text); });
        failed = plan.failed() != 0;
        const std::string expected =
            failed ? "write " + path.string() + how_far[nth - 1] + ": No space left on device" : "";
        CHECK(got == expected);
    }
    CHECK(nth == 5);
    const FailFileCall zero(FileSystemCall::pwrite, FilePlan::ends, 1);
    const std::string nothing = co_await io_error_of([&] { return file.write_at(0, "a"); });
    CHECK(nothing == "write " + path.string() + ": Input/output error");
}

EDDY_TEST_CASE("a sync that failed is never tried again") {
    const TestDirectory directory;
    const auto path = directory / "a";
    for (const bool data : {false, true}) {
        File file = co_await File::open(path, both);
        const FailFileCall plan(data ? FileSystemCall::fdatasync : FileSystemCall::fsync, EIO, 1);
        const std::string first =
            co_await io_error_of([&] { return data ? file.sync_data() : file.sync(); });
        CHECK(first == "sync " + path.string() + ": Input/output error");
        for (int i = 0; i < 2; ++i) {
            const std::string later =
                co_await io_error_of([&] { return i == 0 ? file.sync() : file.sync_data(); });
            CHECK(later == "sync " + path.string() +
                               " (an earlier sync failed: what was written may be lost): "
                               "Input/output error");
        }
        CHECK(plan.calls() == 1);
        co_await file.close();
    }
    File file = co_await File::open(path, both);
    const FailFileCall cut(FileSystemCall::ftruncate, EIO, 1);
    const std::string text = co_await io_error_of([&] { return file.truncate(1); });
    CHECK(text == "truncate " + path.string() + ": Input/output error");
}

EDDY_TEST_CASE("of two syncs at once, none says that all is well when one has failed") {
    const TestDirectory directory;
    File file =
        co_await File::open(directory / "a", {.access = Access::write, .create = Create::may});
    HeldFileCall blocked(FileSystemCall::fsync, EIO);  // the system says it once
    const auto sync = [&file] { return file.sync(); };
    auto first = spawn(io_error_of(sync));
    co_await until([&] { return blocked.begun(); });
    auto second = spawn(io_error_of(sync));
    for (int i = 0; i < 50; ++i) {
        co_await rounds();
    }
    CHECK_FALSE(second.done());
    blocked.let_go();
    const std::string text = co_await first;
    CHECK(text.find("Input/output error") != std::string::npos);
    const std::string later = co_await second;
    CHECK(later.find("an earlier sync failed") != std::string::npos);
}

#if EDDY_HEAP_HOOKS

namespace {

/// A sync fails, and then there is no memory to say so.
class FailsWithoutMemory final : public FilePlan {
public:
    FailsWithoutMemory() = default;
    ~FailsWithoutMemory() override { end(); }

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        if (call != FileSystemCall::fsync || calls_++ != 0) {
            return 0;
        }
        shortage_.emplace(0);
        return EIO;
    }

private:
    std::optional<FailAllocation> shortage_;
    int calls_ = 0;
};

}  // namespace

EDDY_TEST_CASE("a sync that failed is remembered, even if there was no memory to say so") {
    const TestDirectory directory;
    File file = co_await File::open(directory / "a name that is longer than a short string is",
                                    {.access = Access::write, .create = Create::may});
    const FailsWithoutMemory plan;
    CHECK_THROWS_AS(co_await file.sync(), std::bad_alloc);
    const std::string later = co_await io_error_of([&] { return file.sync(); });
    CHECK(later.find("an earlier sync failed") != std::string::npos);
}

#endif

EDDY_TEST_CASE("a sync that is left alone leaves what it found to the next one") {
    const TestDirectory directory;
    File file = co_await File::open(directory / "a", both);
    {
        HeldFileCall blocked(FileSystemCall::fsync, EIO);
        CancelScope scope;
        auto job = spawn(with_scope(scope, [](File& of) -> Task<> { co_await of.sync(); }(file)));
        co_await until([&] { return blocked.begun(); });
        scope.cancel();
        const bool completed = co_await job;
        CHECK_FALSE(completed);
    }
    co_await until([&] { return file.statistics().running == 0; });
    const std::string later = co_await io_error_of([&] { return file.sync(); });
    CHECK(later.find("an earlier sync failed") != std::string::npos);
}

#endif

namespace {

/// Runs the work, or cancels it after a few turns. False: it was cancelled before it was done.
Task<bool> perhaps_cancelled(Task<> work, bool cancelled, std::uint64_t turns) {
    CancelScope scope;
    bool done = false;
    auto job = spawn(with_scope(scope, [](Task<> inner, bool& over) -> Task<> {
        co_await std::move(inner);
        over = true;
    }(std::move(work), done)));
    for (std::uint64_t i = 0; cancelled && i < turns; ++i) {
        co_await yield();
    }
    if (cancelled) {
        scope.cancel();
    }
    static_cast<void>(co_await job);
    CHECK((done || cancelled));
    co_return done;
}

/// A file and what it should say.
struct Modelled {
    File file;
    std::string model;

    Task<> write(std::size_t offset, std::string text) {
        co_await file.write_at(offset, text);
        if (!text.empty()) {
            model.resize(std::max(model.size(), offset + text.size()));
            model.replace(offset, text.size(), text);
        }
    }
    Task<> truncate(std::size_t length) {
        co_await file.truncate(length);
        model.resize(length);
    }
    Task<> read(std::size_t offset, std::size_t size) {
        std::string got(size, '?');
        const std::size_t length =
            co_await file.read_at(offset, std::as_writable_bytes(std::span(got)));
        got.resize(length);
        CHECK(got == (offset < model.size() ? model.substr(offset, size) : ""));
    }
};

}  // namespace

EDDY_TEST_CASE("a file that is worked on at random, and cancelled, is like a string") {
    const TestDirectory directory;
    const auto path = directory / "a";
    eddy::detail::SplitMix random(2'718);
    const auto up_to = [&](std::uint64_t most) {
        return static_cast<std::size_t>(random.next() % most);
    };
    File file = co_await File::open(path, both);
    Modelled both_of{std::move(file), ""};
    for (int step = 0; step < 150; ++step) {
        const std::size_t offset = up_to(300'000);
        const std::size_t size = up_to(step % 5 == 0 ? 400'000 : 3'000);
        const bool cancelled = up_to(3) == 0;
        const std::size_t kind = up_to(4);
        auto work =
            kind == 0 ? both_of.write(offset, std::string(size, static_cast<char>('a' + step % 26)))
            : kind == 1 ? both_of.truncate(offset)
                        : both_of.read(offset, size);
        static_cast<void>(co_await perhaps_cancelled(std::move(work), cancelled, up_to(5)));
    }
    CHECK(content_of(path) == both_of.model);
}
