// SPDX-License-Identifier: MIT
#include <eddy/fs/file_lock.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "../offload_kit.hpp"
#include "child_process.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "skip.hpp"

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;
namespace stdfs = std::filesystem;

namespace {

/// Somebody else's: another open file, as another process would have.
class OthersLock final {
public:
    explicit OthersLock(const stdfs::path& path, int operation = LOCK_EX)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
        CHECK(::flock(fd_, operation | LOCK_NB) == 0);
    }
    OthersLock(const OthersLock&) = delete;
    OthersLock& operator=(const OthersLock&) = delete;
    ~OthersLock() { ::close(fd_); }

private:
    int fd_;
};

[[nodiscard]] bool is_free(const stdfs::path& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const bool free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    ::close(fd);
    return free;
}

}  // namespace

EDDY_TEST_CASE("a lock excludes others until it is released, and makes its file") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    FileLock lock = co_await lock_file(file);
    CHECK(lock.is_held());
    CHECK_FALSE(is_free(file));
    const auto second = co_await try_lock_file(file);
    CHECK_FALSE(second.has_value());
    const FileLock moved(std::move(lock));
    CHECK_FALSE(is_free(file));
    lock = FileLock();
    CHECK_FALSE(is_free(file));
    {
        FileLock there;
        there = co_await lock_file(directory / "other");
        there.release();
        there.release();
        CHECK_FALSE(there.is_held());
        CHECK(is_free(directory / "other"));
    }
    CHECK(directory.entries() == 2);
}

EDDY_TEST_CASE("shared locks are held together, but not beside one that is not shared") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    const FileLockOptions shared{.shared = true};
    auto first = co_await try_lock_file(file, shared);
    auto second = co_await try_lock_file(file, shared);
    CHECK((first && second));
    const auto alone = co_await try_lock_file(file);
    CHECK_FALSE(alone.has_value());
    first.reset();
    second.reset();
    const auto now = co_await try_lock_file(file);
    CHECK(now.has_value());
    const auto late = co_await try_lock_file(file, shared);
    CHECK_FALSE(late.has_value());
}

EDDY_TEST_CASE("who waits has it at most 100 ms after it is free, and no thread waits") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    std::optional<OthersLock> held(std::in_place, file);
    std::vector<JoinHandle<FileLock>> waiting;
    for (int i = 0; i < 6; ++i) {  // more than there are threads
        waiting.push_back(spawn(lock_file(file, {.shared = true})));
    }
    co_await sleep_for(2s);
    const auto other = co_await try_lock_file(directory / "other");
    CHECK(other.has_value());
    const TimePoint freed = test_clock().now();
    held.reset();
    for (auto& job : waiting) {
        const FileLock lock = co_await job;
        CHECK(lock.is_held());
    }
    CHECK(test_clock().now() - freed <= 100ms);
}

EDDY_TEST_CASE("jobs of one process exclude each other") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    int inside = 0;
    int most = 0;
    const auto job = [&]() -> Task<> {
        const FileLock lock = co_await lock_file(file);
        most = std::max(most, ++inside);
        co_await sleep_for(3ms);
        --inside;
    };
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 5; ++i) {
            group.spawn(job());
        }
        co_return;
    });
    CHECK(most == 1);
}

EDDY_TEST_CASE("files that are not ours, or are no files, can be locked, or it is said why not") {
    const TestDirectory directory;
    const auto says = [](stdfs::path path, FileLockOptions options) -> Task<std::string> {
        try {
            const auto lock = co_await try_lock_file(path, options);
            co_return lock ? "locked" : "not free";
        } catch (const IoError& error) {
            co_return error.what();
        }
    };
    CHECK_EQ(co_await says(directory.path(), {}), "locked");
    CHECK_EQ(co_await says(directory / "none", {.create = false}),
             "lock " + (directory / "none").string() + ": No such file or directory");
    CHECK_EQ(co_await says(directory / "none/a", {}),
             "lock " + (directory / "none/a").string() + ": No such file or directory");
    REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
    CHECK_EQ(co_await says(directory / "fifo", {}), "locked");
    const mode_t mask = ::umask(022);
    CHECK_EQ(co_await says(directory / "made", {.mode = 0666}), "locked");
    CHECK_EQ(co_await says("/proc/self/exe", {.shared = true}), "locked");  // not to be written
    ::umask(mask);
    CHECK(stdfs::status(directory / "made").permissions() == stdfs::perms(0644));
    CHECK_THROWS_AS((void)lock_file(std::string("a\0b", 3)), std::invalid_argument);
}

EDDY_TEST_CASE("cancelled while it waits, it has no lock and wants none") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    std::optional<OthersLock> held(std::in_place, file);
    CancelScope scope;
    const auto waits = [&]() -> Task<> { const FileLock lock = co_await lock_file(file); };
    auto job = spawn(with_scope(scope, waits()));
    co_await sleep_for(1s);
    scope.cancel();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    held.reset();
    co_await sleep_for(1s);
    CHECK(is_free(file));
}

TEST_CASE("cancelled at any checkpoint, a lock is free afterwards") {
    const TestDirectory directory;
    const auto file = directory.write("lock", "");
    const auto scenario = [&]() -> Task<> {
        auto first = std::make_unique<OthersLock>(file);
        auto waits = spawn(lock_file(file));
        co_await sleep_for(5ms);
        first.reset();
        const FileLock lock = co_await waits;
        CHECK_FALSE(is_free(file));
    };
    CHECK(cancel_at_each_checkpoint(scenario, [&] { CHECK(is_free(file)); }) > 1);
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("a file that is removed or replaced before it is locked is not the one") {
    /// Does something to the file between the two.
    class Meddler final : public FilePlan {
    public:
        explicit Meddler(stdfs::path file, bool again) : file_(std::move(file)), again_(again) {}
        [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
            if (call == FileSystemCall::flock && !std::exchange(done_, true)) {
                ::unlink(file_.c_str());
                if (again_) {
                    ::close(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
                }
            }
            return 0;
        }

    private:
        const stdfs::path file_;
        const bool again_;
        bool done_ = false;
    };
    const TestDirectory directory;
    const auto file = directory / "lock";
    for (const bool again : {false, true}) {
        const Meddler plan(file, again);
        const auto lock = co_await try_lock_file(file);
        CHECK(lock.has_value());
        CHECK_FALSE(is_free(file));
    }
}

EDDY_TEST_CASE("somebody's lease on the file is waited for like a lock") {
    const TestDirectory directory;
    const auto file = directory.write("lock", "");
    const FailFileCall plan(FileSystemCall::openat, EWOULDBLOCK, 1, 4);
    const auto at_once = co_await try_lock_file(file);
    CHECK_FALSE(at_once.has_value());
    const FileLock lock = co_await lock_file(file);
    CHECK(plan.failed() == 4);
    CHECK_FALSE(is_free(file));
}

EDDY_TEST_CASE("whatever system call fails is said, and no lock is left") {
    const TestDirectory directory;
    const auto file = directory.write("lock", "");
    for (const auto call : {FileSystemCall::openat,
                            FileSystemCall::flock,
                            FileSystemCall::fstat,
                            FileSystemCall::fstatat}) {
        const FailFileCall plan(call, ENOLCK, 1);
        std::string says;
        try {
            const FileLock lock = co_await lock_file(file);
        } catch (const IoError& error) {
            says = error.what();
        }
        CHECK(says.ends_with(file.string() + ": No locks available"));
        CHECK(is_free(file));
    }
    const FailFileCall interrupted(FileSystemCall::flock, EINTR, 1);
    const FailFileCall read_only(FileSystemCall::openat, EROFS, 1);
    const auto lock = co_await try_lock_file(file);
    CHECK(lock.has_value());
}
#endif

#if !defined(EDDY_NO_FORK) && EDDY_FORKS_AMONG_THREADS

TEST_CASE("a child that drops its parent's lock does not take it away; nor does it keep it") {
    const TestDirectory directory;
    const auto file = directory / "lock";
    run([](const stdfs::path& path) -> Task<> {
        FileLock lock = co_await lock_file(path);
        const ChildResult child = run_in_child([&] {
            lock.release();
            return is_free(path) ? 1 : 0;
        });
        CHECK(child.exit_code == 0);
        CHECK_FALSE(is_free(path));
        // One that only waits, with a share in it.
        int ends[2] = {-1, -1};
        CHECK(::pipe(ends) == 0);
        const pid_t keeper = ::fork();
        if (keeper == 0) {
            char byte = 0;
            ::close(ends[1]);
            static_cast<void>(!::read(ends[0], &byte, 1));
            ::_exit(0);
        }
        lock.release();
        CHECK(is_free(path));
        ::close(ends[0]);
        ::close(ends[1]);
        ::waitpid(keeper, nullptr, 0);
    }(file));
}

#endif

TEST_CASE("flock(1) and a lock of ours exclude each other") {
    if (std::system("flock --version >/dev/null 2>&1") != 0) {
        skip("there is no flock(1)");
        return;
    }
    const TestDirectory directory;
    const std::string file = (directory / "lock").string();
    run([](const std::string& path) -> Task<> {
        const FileLock lock = co_await lock_file(path);
        CHECK(std::system(("flock -n '" + path + "' true").c_str()) != 0);
        CHECK(std::system(("flock -n -s '" + path + "' true").c_str()) != 0);
    }(file));
    CHECK(std::system(("flock -n '" + file + "' true").c_str()) == 0);
}

namespace {

struct LockFileFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit LockFileFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    Task<> wait() {
        const FileLock lock = co_await lock_file(directory / "lock", {.executor = &pool});
        CHECK_FALSE(is_free(directory / "lock"));
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { held.reset(); }
    /// Nothing of it but tries that are under way.
    [[nodiscard]] bool intact() const { return directory.entries() == 1; }

    TestDirectory directory;
    ThreadPool pool{{.threads = 1}};
    std::optional<OthersLock> held{std::in_place, directory / "lock"};
};

}  // namespace

EDDY_WAIT_MATRIX("lock_file", LockFileFixture)
