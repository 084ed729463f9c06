// SPDX-License-Identifier: MIT
#include <eddy/executor.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <eddy/error.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "offload_kit.hpp"

using namespace eddy;
using namespace eddy::testing;

namespace {

/// The smallest executor: one thread and a queue, and nothing but `submit`.
class OneThread final : public Executor {
public:
    OneThread() : thread_([this] { main(); }) {}
    ~OneThread() override {
        submit_raw(nullptr);
        thread_.join();
    }

    void submit(Work& work) override { submit_raw(&work); }

private:
    void submit_raw(Work* work) {
        const std::lock_guard lock(mutex_);
        queue_.push_back(work);
        changed_.notify_one();
    }
    void main() {
        while (true) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return !queue_.empty(); });
            Work* work = queue_.front();
            queue_.pop_front();
            lock.unlock();
            if (work == nullptr) {
                return;
            }
            work->run();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Work*> queue_;
    std::thread thread_;
};

class Refusing final : public Executor {
    void submit(Work&) override { throw std::runtime_error("not today"); }
};

class Rejecting final : public Executor {
    void submit(Work& work) override {
        work.reject(std::make_exception_ptr(std::runtime_error("never")));
    }
};

class Inline final : public Executor {
    void submit(Work& work) override { work.run(); }
};

template <class F>
Task<std::string> failure_of(Executor& executor, F fn) {
    std::string text = "none";
    try {
        co_await run_in_executor(executor, fn);
    } catch (const WrongThread&) {
        text = "wrong thread";
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace

EDDY_TEST_CASE("anything with a submit is an executor") {
    OneThread executor;
    int wrong = 0;
    for (int i = 0; i < 100; ++i) {
        const int value = co_await run_in_executor(executor, [](int number) { return number; }, i);
        wrong += value == i ? 0 : 1;
    }
    CHECK(wrong == 0);
}

EDDY_TEST_CASE("a call cancelled in the queue of any executor does not run, although it comes up") {
    OneThread executor;
    HeldCall blocker;
    Tracked::Log log;
    int runs = 0;
    auto first =
        spawn([](Executor& one,
                 HeldCall& held) -> Task<> { co_await run_in_executor(one, std::ref(held)); },
              std::ref(executor),
              std::ref(blocker));
    co_await rounds();
    blocker.wait_until_it_runs();
    CancelScope scope;
    auto second = spawn(with_scope(
        scope,
        [](Executor& one, int& count, Tracked::Log& tracked) -> Task<> {
            co_await run_in_executor(
                one, [](int& c, const Tracked&) { ++c; }, std::ref(count), Tracked(tracked));
        },
        std::ref(executor),
        std::ref(runs),
        std::ref(log)));
    co_await rounds();
    scope.cancel();
    co_await second.wait();
    blocker.let_go();
    co_await first;
    co_await run_in_executor(executor, [] {});  // it has come up before this one
    CHECK(runs == 0);
    CHECK(log.alive == 0);
}

EDDY_TEST_CASE("an executor may refuse or reject a call: the await throws that, nothing has run") {
    Refusing refusing;
    Rejecting rejecting;
    int runs = 0;
    auto count = [&runs] { ++runs; };
    const std::string refused = co_await failure_of(refusing, std::ref(count));
    CHECK(refused == "not today");
    const std::string rejected = co_await failure_of(rejecting, std::ref(count));
    CHECK(rejected == "never");
    CHECK(runs == 0);
}

EDDY_TEST_CASE(
    "an executor that would run a call on the loop's thread gets it not run: WrongThread") {
    Inline executor;
    int runs = 0;
    auto count = [&runs] { ++runs; };
    const std::string text = co_await failure_of(executor, std::ref(count));
    CHECK(text == "wrong thread");
    CHECK(runs == 0);
}
