// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fcntl.h>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/executor.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../offload_kit.hpp"
#include "child_process.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

namespace {

[[nodiscard]] bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

Task<> closes(File& file) { co_await file.close(); }

/// Reads 100,000 bytes, which no loop does.
Task<std::size_t> reads(const File& file) {
    std::vector<std::byte> memory(100'000);
    co_return co_await file.read_at(0, memory);
}

/// A file that is opened, and whose next calls wait.
Task<File> held_file(const TestDirectory& directory, HeldExecutor& held) {
    held.let_run();
    co_return co_await File::open(directory.write("a", std::string(100'000, 'x')),
                                  {.access = Access::read_write, .executor = &held});
}

}  // namespace

EDDY_TEST_CASE("close waits for what runs, which counts, and refuses what is new") {
    const TestDirectory directory;
    HeldExecutor held;
    File file = co_await held_file(directory, held);
    const int fd = file.native_handle();
    auto reader = spawn(reads(file));
    co_await rounds();
    auto closing = spawn(closes(file));
    co_await rounds();
    CHECK_FALSE(file.is_open());
    CHECK(is_open(fd));
    CHECK(file.statistics().running == 1);
    CHECK_THROWS_AS(static_cast<void>(co_await reads(file)), ClosedResource);
    CHECK_FALSE(closing.done());
    held.let_run();
    const std::size_t length = co_await reader;
    CHECK(length == 100'000);
    co_await closing;
    CHECK_FALSE(is_open(fd));
    CHECK(held.submitted() == 2);  // who read has closed it as well
    co_await file.close();
}

EDDY_TEST_CASE("a file that nobody uses is closed on its executor, awaited or not") {
    const TestDirectory directory;
    HeldExecutor held;
    std::optional<File> file(co_await held_file(directory, held));
    int fd = file->native_handle();
    static_cast<void>(file->close());  // first closes
    CHECK_FALSE(file->is_open());
    CHECK(held.submitted() == 2);
    CHECK(is_open(fd));
    held.let_run();
    co_await file->close();
    CHECK_FALSE(is_open(fd));
    file.reset();

    file.emplace(co_await held_file(directory, held));
    fd = file->native_handle();
    file.reset();
    CHECK(held.submitted() == 4);
    CHECK(is_open(fd));
    held.let_all_run();
    co_await until([&] { return !is_open(fd); });
}

EDDY_TEST_CASE("a close that is cancelled closes all the same") {
    const TestDirectory directory;
    HeldExecutor held;
    File file = co_await held_file(directory, held);
    const int fd = file.native_handle();
    CancelScope before;
    before.cancel();
    const bool completed = co_await with_scope(before, closes(file));  // first closes
    CHECK_FALSE(completed);
    CHECK_FALSE(file.is_open());
    auto close = file.close();
    for (int i = 0; i < 2; ++i) {
        const auto got = co_await select(close, yield());
        CHECK(got.index() == 1);
    }
    CHECK(is_open(fd));
    held.let_all_run();
    co_await close;
    CHECK_FALSE(is_open(fd));
}

EDDY_TEST_CASE("a file may go while it is read: its last user closes it") {
    const TestDirectory directory;
    HeldExecutor held;
    std::optional<File> file(co_await held_file(directory, held));
    const int fd = file->native_handle();
    auto reader = spawn(reads(*file));
    co_await rounds();
    file.reset();
    CHECK(is_open(fd));
    held.let_run();
    const std::size_t length = co_await reader;
    CHECK(length == 100'000);
    CHECK_FALSE(is_open(fd));
}

EDDY_TEST_CASE("a read that was withdrawn keeps no file open, whoever still holds it") {
    const TestDirectory directory;
    HeldExecutor held;
    File file = co_await held_file(directory, held);
    std::vector<std::byte> memory(100'000);
    auto read = file.read_at(0, memory);
    const auto got = co_await select(read, yield());
    CHECK(got.index() == 1);
    CHECK(held.submitted() == 2);
    held.let_all_run();
    co_await file.close();
}

EDDY_TEST_CASE("where no executor closes it any more, a thread of its own does") {
    const TestDirectory directory;
    std::optional<File> file;
    ThreadPool pool({.threads = 1});
    file.emplace(co_await File::open(directory.write("a", ""), {.executor = &pool}));
    const int fd = file->native_handle();
    pool.shutdown(0s);
    CHECK_THROWS_AS(co_await file->sync(), ClosedResource);
    file.reset();
    co_await until([&] { return !is_open(fd); });
}

TEST_CASE("a file outlives its loop, and is closed by whoever lets it go") {
    const TestDirectory directory;
    const auto path = directory.write("a", "1");
    std::optional<File> file;
    run([](auto at, auto& into) -> Task<> {
        into.emplace(co_await File::open(at));
        std::array<std::byte, 1> buffer{};
        static_cast<void>(co_await into->read_at(0, buffer));
    }(path, file));
    const int fd = file->native_handle();
    CHECK(is_open(fd));
    std::thread([&file] { file.reset(); }).join();
    CHECK_FALSE(is_open(fd));
}

EDDY_TEST_CASE("another loop's thread may not use it") {
    const TestDirectory directory;
    File file = co_await File::open(directory.write("a", "1"));
    std::array<std::byte, 1> buffer{};
    static_cast<void>(co_await file.read_at(0, buffer));
    bool refused = false;
    std::thread([&] {
        run([](File& of, bool& wrong) -> Task<> {
            std::array<std::byte, 1> into{};
            try {
                static_cast<void>(co_await of.read_at(0, into));
            } catch (const WrongThread&) {
                wrong = true;
            }
        }(file, refused));
    }).join();
    CHECK(refused);
}

#if !defined(EDDY_NO_FORK) && EDDY_FORKS_AMONG_THREADS

EDDY_TEST_CASE("a forked child closes its own descriptor only, and asks no pool") {
    const TestDirectory directory;
    HeldExecutor held;
    std::optional<File> file(co_await held_file(directory, held));
    auto reader = spawn(reads(*file));
    co_await rounds();
    const ChildResult child = run_in_child([&file] {
        const int fd = file->native_handle();
        bool refused = false;
        try {
            static_cast<void>(file->statistics());
        } catch (const WrongThread&) {
            refused = true;
        }
        file.reset();
        return refused && !is_open(fd) ? 0 : 1;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors);
    held.let_all_run();
    const std::size_t length = co_await reader;
    CHECK(length == 100'000);
    static_cast<void>(file->close());
    co_await file->close();
}

EDDY_TEST_CASE("a forked child closes its own, if the parent was asked to and has not yet") {
    const TestDirectory directory;
    HeldExecutor held;
    std::optional<File> file(co_await held_file(directory, held));
    const int fd = file->native_handle();
    static_cast<void>(file->close());
    const ChildResult child = run_in_child([&file, fd] {
        file.reset();
        return is_open(fd) ? 1 : 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors);
    held.let_all_run();
    co_await file->close();
    const ChildResult later = run_in_child([&file, fd] {
        const int stranger = ::dup2(STDERR_FILENO, fd);
        file.reset();
        return is_open(stranger) ? 0 : 1;
    });
    CHECK_MESSAGE(later.exit_code == 0, later.errors);
}

TEST_CASE("a file of no loop any more is closed by the loop of a forked child") {
    const TestDirectory directory;
    std::optional<File> file;
    run([](auto at, auto& into) -> Task<> { into.emplace(co_await File::open(at)); }(
                                    directory.write("a", "1"), file));
    const int fd = file->native_handle();
    const ChildResult child = run_in_child([&file, fd] {
        run([](File& of) -> Task<> {
            co_await of.close();
            co_await of.close();
        }(*file));
        return is_open(fd) || file->is_open() ? 1 : 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors);
}

#endif

#if EDDY_FILE_CALL_FAULTS

namespace {

/// A pool that is shut down with all that is queued.
class RejectingExecutor final : public Executor {
public:
    void submit(Work& work) override {
        if (refuses) {
            throw ClosedResource("no more");
        }
        if (!keeps) {
            std::thread([&work] { work.run(); }).join();
            return;
        }
        kept_.push_back(&work);
    }
    void reject_all() {
        for (Work* const work : std::exchange(kept_, {})) {
            work->reject(std::make_exception_ptr(ClosedResource("shut down")));
        }
    }

    bool keeps = false;
    bool refuses = false;

private:
    std::vector<Work*> kept_;
};

}  // namespace

EDDY_TEST_CASE("a close that is refused, or rejected, and hangs holds up no loop") {
    const TestDirectory directory;
    const auto path = directory.write("a", "1");
    for (const bool refuses : {false, true}) {
        RejectingExecutor executor;
        std::optional<File> file(co_await File::open(path, {.executor = &executor}));
        const int fd = file->native_handle();
        executor.keeps = true;
        executor.refuses = refuses;
        HeldFileCall hangs(FileSystemCall::close);
        file.reset();
        executor.reject_all();
        co_await until([&] { return hangs.begun(); });
        CHECK(is_open(fd));
        hangs.let_go();
        co_await until([&] { return !is_open(fd); });
    }
}

EDDY_TEST_CASE("what closing reports is thrown once it is closed, and never tried again") {
    const TestDirectory directory;
    for (const int error : {EIO, EDQUOT, EINTR}) {
        File file = co_await File::open(directory.write("a", ""), {.access = Access::write});
        const int fd = file.native_handle();
        const FailFileCall plan(FileSystemCall::close, error, 1);
        for (int i = 0; i < 2; ++i) {
            std::string text;
            try {
                co_await file.close();
            } catch (const IoError& failure) {
                text = failure.what();
                CHECK(failure.code().value() == error);
            }
            CHECK(text.empty() == (error == EINTR));  // it is closed, as far as one can know
        }
        CHECK(plan.calls() == 1);
        CHECK_FALSE(is_open(fd));
    }
}

#endif
