// SPDX-License-Identifier: MIT
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <semaphore>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/executor.hpp>
#include <eddy/fs/file_stream.hpp>
#include <eddy/loop.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

// What is heard of reads and writes that end in the middle, or whose result nobody takes.

namespace {

[[maybe_unused]] constexpr std::size_t size = 1'000'000;  // several pieces

[[nodiscard]] OpenOptions writing(bool appends, Executor* executor = nullptr) {
    return {.access = appends ? Access::append : Access::write,
            .create = Create::may,
            .executor = executor};
}

}  // namespace

EDDY_TEST_CASE("an append that was withdrawn has broken nothing") {
    const TestDirectory directory;
    HeldExecutor held;
    held.let_run();
    FileStream stream(co_await File::open(directory / "a", writing(true, &held)));
    CHECK_THROWS_AS(
        static_cast<void>(co_await select(stream.write_all("a"), stream.write_all("b"))),
        BusyResource);
    held.let_all_run();
    co_await stream.write_all("c");
    CHECK(content_of(directory / "a") == "c");
}

#if EDDY_FILE_CALL_FAULTS

namespace {

/// What an executor is not told.
struct CallInside : Work {
    using Work::stop_token;
    using Work::take_back;

    [[nodiscard]] static std::stop_token token_of(Work& call) {
        return (call.*&CallInside::stop_token)();
    }
    static void take_back_of(Work& call) { (call.*&CallInside::take_back)(); }
};

/// Runs each call on a thread. One ends at the worst moment: the loop wants to leave it alone, has
/// taken its memory back, and has not left it yet.
class EndsWhenLeft final : public Executor {
public:
    /// `call`: the system call that it is held in before.
    explicit EndsWhenLeft(FileSystemCall call) : blocked_(call) {}
    EndsWhenLeft(const EndsWhenLeft&) = delete;
    EndsWhenLeft& operator=(const EndsWhenLeft&) = delete;
    ~EndsWhenLeft() override {
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// It is the next one.
    void arm() { armed_ = true; }
    [[nodiscard]] bool is_held() const { return blocked_.begun(); }

    void submit(Work& work) override {
        if (!std::exchange(armed_, false)) {
            threads_.emplace_back([&work] { work.run(); });
            return;
        }
        on_stop_.emplace(CallInside::token_of(work), Ends{*this, work});
        threads_.emplace_back([this, &work] {
            work.run();
            ended_.release();
        });
    }

private:
    struct Ends {
        void operator()() const {  // on the loop's thread
            CallInside::take_back_of(call);
            executor.blocked_.let_go();
            executor.ended_.acquire();
        }

        EndsWhenLeft& executor;
        Work& call;
    };

    bool armed_ = false;
    HeldFileCall blocked_;
    std::binary_semaphore ended_{0};
    std::optional<std::stop_callback<Ends>> on_stop_;
    std::vector<std::thread> threads_;
};

/// Reads or writes all of the memory; what it throws.
template <class Failure>
Task<std::string> heard_of(FileStream& stream, bool writes, std::string& memory) {
    try {
        if (writes) {
            co_await stream.write_all(memory);
        } else {
            static_cast<void>(co_await stream.read_some(std::as_writable_bytes(std::span(memory))));
        }
    } catch (const Failure& failure) {
        co_return failure.what();
    }
    co_return "nothing";
}

}  // namespace

EDDY_TEST_CASE("what ends just when its stream is closed does not take a part for all") {
    for (const bool writes : {false, true}) {
        const TestDirectory directory;
        std::string memory(size, 'x');
        EndsWhenLeft executor(writes ? FileSystemCall::pwrite : FileSystemCall::pread);
        FileStream stream(co_await File::open(
            directory.write("a", memory), {.access = Access::read_write, .executor = &executor}));
        executor.arm();
        auto job = spawn(heard_of<ClosedResource>(stream, writes, memory));
        co_await until([&] { return executor.is_held(); });
        stream.close();
        const std::string text = co_await job;
        CHECK(text == std::string(writes ? "FileStream::write_all" : "FileStream::read_some") +
                          ": this stream is closed");
        CHECK(stream.position() == 0);
    }
}

TEST_CASE("what ends just when its loop does says so, and does not take a part for all") {
    for (const bool writes : {false, true}) {
        const TestDirectory directory;
        std::string memory(size, 'x');
        std::string text;
        EndsWhenLeft executor(writes ? FileSystemCall::pwrite : FileSystemCall::pread);
        const auto works = [&]() -> Task<> {
            FileStream stream(
                co_await File::open(directory.write("a", memory),
                                    {.access = Access::read_write, .executor = &executor}));
            executor.arm();
            text = co_await shield(heard_of<LoopClosed>(stream, writes, memory));
        };
        const auto main = [&]() -> Task<> {
            spawn(works()).detach();
            co_await until([&] { return executor.is_held(); });
        };
        VirtualClock clock;
        Loop loop({.clock = &clock});
        loop.run(main(), {.grace = 1ms});
        CHECK(text == std::string(writes ? "FileStream::write_all" : "FileStream::read_some") +
                          ": the loop ended before this had");
    }
}

namespace {

/// The first write waits; the second fails, if it is to.
class HeldThenFails final : public FilePlan {
public:
    HeldThenFails(FileSystemCall call, bool fails) : call_(call), fails_(fails) {}
    ~HeldThenFails() override { end(); }

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        return call == call_ && ++calls_ == 2 && fails_ ? ENOSPC : 0;
    }
    [[nodiscard]] std::size_t most(FileSystemCall call, std::size_t length) noexcept override {
        if (call == call_ && calls_ == 1) {
            begun_ = true;
            go_.acquire();
        }
        return length;
    }
    [[nodiscard]] bool begun() const noexcept { return begun_; }
    void let_go() noexcept { go_.release(); }

private:
    const FileSystemCall call_;
    const bool fails_;
    std::atomic<int> calls_{0};
    std::atomic<bool> begun_{false};
    std::binary_semaphore go_{0};
};

/// A write that loses its select while it runs.
Task<> lose_a_write(FileStream& stream, bool appends, bool fails) {
    HeldThenFails plan(appends ? FileSystemCall::write : FileSystemCall::pwrite, fails);
    Event stop;
    auto job = spawn([](HeldThenFails& holds, Event& wins) -> Task<> {
        co_await until([&] { return holds.begun(); });
        wins.set();
        co_await rounds();
        holds.let_go();
    }(plan, stop));
    const std::string text(size, 'x');
    const auto got = co_await select(stream.write_all(text), stop.wait());
    CHECK(got.index() == 1);
    co_await job;
}

}  // namespace

EDDY_TEST_CASE("a write that loses its select while it runs counts") {
    const TestDirectory directory;
    for (const bool appends : {false, true}) {
        const auto path = directory / (appends ? "b" : "a");
        FileStream stream(co_await File::open(path, writing(appends)));
        co_await lose_a_write(stream, appends, false);
        CHECK(stream.position() == size);
        co_await stream.write_all("end");
        CHECK(content_of(path) == std::string(size, 'x') + "end");
    }
}

EDDY_TEST_CASE("one that fails then is heard of by the next operation") {
    const TestDirectory directory;
    for (const bool appends : {false, true}) {
        const auto path = directory / (appends ? "b" : "a");
        FileStream stream(co_await File::open(path, writing(appends)));
        co_await lose_a_write(stream, appends, true);
        CHECK(stream.position() == 0);
        std::string memory = "next";
        const std::string text = co_await heard_of<IoError>(stream, true, memory);
        CHECK(text == "write " + path.string() +
                          " (after 262144 of 1000000 bytes): No space left on device");
        if (appends) {
            CHECK_THROWS_AS(co_await stream.write_all("next"), BrokenResource);
            CHECK_THROWS_AS(co_await stream.shutdown(), BrokenResource);
        } else {
            co_await stream.write_all("next");
            CHECK(content_of(path).substr(0, 5) == "nextx");
        }
    }
}

#endif
