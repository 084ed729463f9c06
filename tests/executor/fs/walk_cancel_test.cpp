// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/fs/walk.hpp>
#include <eddy/loop.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../offload_kit.hpp"
#include "file_calls.hpp"
#include "fs_kit.hpp"
#include "tree_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// As a task, since virtual time stands still for a call.
class NextFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    explicit NextFixture(VirtualClock&)
        : entries_(walk(directory_.path(), {.executor = &executor_})) {
        directory_.write("a", "");
        directory_.write("b", "");
        directory_.write("c", "");
    }

    Task<> prepare() { co_return; }
    Task<> wait() {
        try {
            const auto entry = co_await entries_.next();
            taken_ += entry ? 1U : 0U;
        } catch (const BusyResource&) {  // the matrix has two jobs once, of which neither succeeds
            co_return;
        }
    }
    /// Nothing was lost: all that has not been taken still comes.
    Task<> wait_again() {
        complete();
        const auto rest = co_await rest_of(entries_);
        CHECK(taken_ + rest.size() == 3);
    }
    void complete() { executor_.let_all_run(); }
    [[nodiscard]] bool intact() const { return taken_ <= 2; }

private:
    TestDirectory directory_;
    HeldExecutor executor_;
    DirectoryWalk entries_;
    std::size_t taken_ = 0;
};

}  // namespace

EDDY_WAIT_MATRIX("DirectoryWalk::next", NextFixture)

TEST_CASE("a walk that is cancelled anywhere leaves nothing open") {
    const TestDirectory directory;
    std::filesystem::create_directories(directory / "a/b");
    directory.write("a/b/c", "");
    const auto scenario = [&]() -> Task<> {
        ThreadPool pool({.threads = 1});
        DirectoryWalk entries = walk(directory.path(), {.executor = &pool});
        const auto all = co_await rest_of(entries);
        CHECK(all.size() == 3);
    };
    const std::size_t count = cancel_at_each_checkpoint(scenario);
    CHECK(count == 4);
}

EDDY_TEST_CASE("a next that lost a select while its call was queued may be awaited again") {
    const TestDirectory directory;
    directory.write("a", "");
    HeldExecutor executor;
    DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
    auto next = entries.next();
    for (int i = 0; i < 2; ++i) {
        const auto lost = co_await select(next, yield());
        CHECK(lost.index() == 1);
    }
    executor.let_all_run();
    const auto entry = co_await next;
    CHECK(entry.has_value());
    for (int i = 0; i < 2; ++i) {
        const auto end = co_await next;
        CHECK_FALSE(end.has_value());
    }
}

EDDY_TEST_CASE("one job at a time waits for the next entry") {
    const TestDirectory directory;
    directory.write("a", "");
    HeldExecutor executor;
    DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
    auto job = spawn(rest_of(entries));
    co_await rounds();
    CHECK_THROWS_AS(static_cast<void>(co_await entries.next()), BusyResource);
    CHECK_THROWS_AS(entries.skip_directory(), BusyResource);
    executor.let_all_run();
    const auto all = co_await job;
    CHECK(all.size() == 1);
    // In one select, the second is refused, and the first one's call withdrawn.
    HeldExecutor holds;
    DirectoryWalk both = walk(directory.path(), {.executor = &holds});
    CHECK_THROWS_AS(static_cast<void>(co_await select(both.next(), both.next())), BusyResource);
    holds.let_all_run();
    const auto entry = co_await both.next();
    CHECK(entry.has_value());
}

EDDY_TEST_CASE("a walk whose call was rejected is free, and goes on by another one") {
    class RejectsFirst final : public Executor {
    public:
        void submit(Work& work) override {
            if (std::exchange(rejects_, false)) {
                work.reject(std::make_exception_ptr(ClosedResource("no")));
            } else {
                held.submit(work);
            }
        }
        HeldExecutor held;

    private:
        bool rejects_ = true;
    };
    const TestDirectory directory;
    directory.write("a", "");
    RejectsFirst executor;
    executor.held.let_all_run();
    DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
    CHECK_THROWS_AS(static_cast<void>(co_await entries.next()), ClosedResource);
    const auto entry = co_await entries.next();
    CHECK(entry.has_value());
}

#if EDDY_FILE_CALL_FAULTS
EDDY_TEST_CASE("a walk that is cancelled does not read a large directory to its end first") {
    /// Counts what is read after the n-th directory was opened, where it holds.
    class HoldsAndCounts final : public FilePlan {
    public:
        explicit HoldsAndCounts(std::size_t nth) noexcept : left_(nth) {}
        [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
            read += call == FileSystemCall::readdir ? 1U : 0U;
            if (call == FileSystemCall::openat && left_ != 0 && --left_ == 0) {
                here.store(true);
                go_on.acquire();
            }
            return 0;
        }
        std::atomic<std::size_t> read{0};
        std::atomic<bool> here{false};
        std::binary_semaphore go_on{0};

    private:
        std::size_t left_;  // one thread's
    };
    const TestDirectory directory(quick_place());
    std::filesystem::create_directory(directory / "large");
    for (int i = 0; i < 2000; ++i) {
        directory.write("large/" + std::to_string(i), "");
    }
    make_deep(directory / "large", 40, "d", 1000);
    // The root, the large one, and 28 in it: the next descriptor is the large one's.
    HoldsAndCounts plan(31);
    CancelScope scope;
    DirectoryWalk entries = walk(directory.path());
    const auto walks = [&]() -> Task<> { static_cast<void>(co_await rest_of(entries)); };
    auto job = spawn(with_scope(scope, walks()));
    co_await until([&] { return plan.here.load(); });
    scope.cancel();
    co_await rounds();
    const std::size_t before = plan.read;
    plan.go_on.release();
    const bool completed = co_await job;
    CHECK_FALSE(completed);
    CHECK(plan.read - before < 100);
}
#endif

TEST_CASE("an entry that one job has got, and not yet taken, is no other job's") {
    const TestDirectory directory;
    directory.write("a", "");
    directory.write("b", "");
    VirtualClock clock;
    Loop loop({.clock = &clock, .strict_checkpoints = true});
    int entries_got = 0;
    int refused = 0;
    const auto takes = [&](DirectoryWalk& entries) -> Task<> {
        try {
            const auto entry = co_await entries.next();
            entries_got += entry ? 1 : 0;
        } catch (const BusyResource&) {
            ++refused;
        }
    };
    const auto main = [&]() -> Task<> {
        DirectoryWalk entries = walk(directory.path());
        co_await takes(entries);
        auto one = spawn(takes(entries));
        auto other = spawn(takes(entries));
        co_await one;
        co_await other;
    };
    loop.run(main());
    CHECK(entries_got == 2);
    CHECK(refused == 1);
}

EDDY_TEST_CASE("a walk may go while its call waits, or what it belongs to") {
    const TestDirectory directory;
    directory.write("a", "");
    HeldExecutor executor;
    auto entries = std::make_unique<DirectoryWalk>(walk(directory.path(), {.executor = &executor}));
    const auto waits = [](DirectoryWalk& of) -> Task<std::size_t> {
        auto next = of.next();
        const auto entry = co_await next;
        co_return entry ? 1U : 0U;
    };
    auto job = spawn(waits(*entries));
    co_await rounds();
    entries.reset();
    executor.let_all_run();
    const std::size_t got = co_await job;
    CHECK(got == 1);
}

#if EDDY_FILE_CALL_FAULTS

EDDY_TEST_CASE("a call that is asked to stop ends after an entry, and nothing is lost") {
    const TestDirectory directory;
    std::filesystem::create_directory(directory / "a");
    directory.write("a/b", "");
    directory.write("c", "");
    directory.write("d", "");
    // At each look into a directory in turn; and before anything has been read.
    for (std::size_t nth = 0; nth <= 8; ++nth) {
        HoldFileCall plan(nth == 0 ? FileSystemCall::openat : FileSystemCall::readdir,
                          std::max<std::size_t>(nth, 1));
        HeldExecutor executor;
        executor.let_all_run();
        DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
        std::size_t got = 0;
        CancelScope scope;
        const auto takes = [&]() -> Task<> {
            const auto entry = co_await entries.next();
            got += entry ? 1U : 0U;
            co_await checkpoint();
        };
        auto job = spawn(with_scope(scope, takes()));
        co_await rounds();
        plan.wait_until_reached();
        scope.cancel();
        co_await rounds();
        plan.let_go();
        const bool completed = co_await job;
        CHECK_FALSE(completed);
        CHECK(got == (nth == 0 ? 0 : 1));  // what there is counts
        const auto rest = co_await rest_of(entries);
        CHECK(got + rest.size() == 4);
    }
}

EDDY_TEST_CASE("a walk whose call was left alone is busy until that ends, and has what it read") {
    /// Lets the call begin, and then has nothing to say.
    class Fails final : public Waiter {
    public:
        Fails(HeldExecutor& executor, HoldFileCall& plan) : executor_(executor), plan_(plan) {}
        bool try_now() { return false; }
        void start() {
            executor_.let_all_run();
            plan_.wait_until_reached();
            throw std::runtime_error("it cannot be started");
        }
        void take() {}
        const char* what() const noexcept override { return "Fails"; }

    private:
        void unlink() noexcept override {}
        HeldExecutor& executor_;
        HoldFileCall& plan_;
    };
    const TestDirectory directory;
    directory.write("a", "");
    HoldFileCall plan(FileSystemCall::readdir, 1);
    HeldExecutor executor;
    DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
    Fails fails(executor, plan);
    CHECK_THROWS_AS(static_cast<void>(co_await select(entries.next(), fails)), std::runtime_error);
    CHECK_THROWS_AS(static_cast<void>(co_await entries.next()), BusyResource);
    plan.let_go();
    co_await until([&entries] {
        try {
            entries.skip_directory();
            return true;
        } catch (const BusyResource&) {
            return false;
        }
    });
    const auto all = co_await rest_of(entries);
    CHECK(all.size() == 1);
}

TEST_CASE("at the loop's end, a call that hangs is left alone, and owns what it touches") {
    const TestDirectory directory;
    directory.write("a", "");
    HoldFileCall plan(FileSystemCall::readdir, 1);
    HeldExecutor executor;
    executor.let_all_run();
    VirtualClock clock;
    bool cut_off = false;
    bool busy = false;
    {
        Loop loop({.clock = &clock});
        const auto hangs = [&]() -> Task<> {
            DirectoryWalk entries = walk(directory.path(), {.executor = &executor});
            auto next = entries.next();
            try {
                static_cast<void>(co_await next);
            } catch (const LoopClosed&) {
                cut_off = true;
            }
            try {
                entries.skip_directory();
            } catch (const BusyResource&) {
                busy = true;
            }
        };
        const auto main = [&]() -> Task<> {
            spawn(hangs()).detach();
            co_await rounds();
            plan.wait_until_reached();
        };
        loop.run(main(), {.grace = std::chrono::milliseconds(1)});
    }
    CHECK(cut_off);
    CHECK(busy);
    plan.let_go();
}

#endif
