// SPDX-License-Identifier: MIT
#include <eddy/wait_queue.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::settle;

namespace {

Task<> notes(Gate& gate, int name, std::vector<int>& order) {
    co_await gate.wait();
    order.push_back(name);
}

/// Refuses to be waited for.
class Faulty final {
public:
    class Wait final : public eddy::QueuedWaiter {
    public:
        explicit Wait(bool at_once) noexcept : at_once_(at_once) {}
        [[nodiscard]] bool try_now() const {
            if (at_once_) {
                throw std::runtime_error("try_now");
            }
            return false;
        }
        void start() const { throw std::runtime_error("start"); }
        void take() const noexcept {}
        [[nodiscard]] const char* what() const noexcept override { return "Faulty"; }

    private:
        bool at_once_;
    };
    [[nodiscard]] static Wait wait(bool at_once) noexcept { return Wait(at_once); }
};

/// Notes the order of its grants, which is the order of commits.
Task<> takes_turn(HandOffLock& lock, int name, std::vector<int>& order) {
    const HandOffLock::Guard guard = co_await lock.acquire();
    order.push_back(name);
}

}  // namespace

EDDY_TEST_CASE_FIFO("waiters are woken in order of arrival") {
    Gate gate;
    std::vector<int> order;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 10; ++i) {
            group.spawn(notes(gate, i, order));
        }
        co_await settle();
        CHECK(gate.waiters() == 10);
        gate.open();
        CHECK(gate.waiters() == 0);
        CHECK(order.empty());  // nothing runs inside a wake
    });
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

EDDY_TEST_CASE("grants go in order of arrival, whatever the order of ready jobs") {
    HandOffLock lock;
    std::vector<int> order;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        {
            const HandOffLock::Guard guard = co_await lock.acquire();
            for (int i = 0; i < 5; ++i) {
                group.spawn(takes_turn(lock, i, order));
                co_await settle();
            }
            CHECK(lock.waiters() == 5);
        }
        CHECK(lock.held());  // handed over: a newcomer cannot get between
    });
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
    CHECK_FALSE(lock.held());
}

namespace {

/// Waits for its turn; the urgent ones before all others.
class Turn final : public eddy::QueuedWaiter {
public:
    explicit Turn(eddy::WaitQueue& queue, bool urgent) noexcept : queue_(queue), urgent_(urgent) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept { urgent_ ? queue_.push_front(*this) : queue_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Turn"; }

private:
    eddy::WaitQueue& queue_;
    bool urgent_;
};

Task<> waits_its_turn(eddy::WaitQueue& queue, int name, bool urgent, std::vector<int>& order) {
    co_await Turn(queue, urgent);
    order.push_back(name);
}

}  // namespace

EDDY_TEST_CASE_FIFO("who is put in front is woken first") {
    eddy::WaitQueue queue;
    std::vector<int> order;
    for (int i = 0; i < 4; ++i) {
        eddy::spawn(waits_its_turn(queue, i, i % 2 == 1, order)).detach();
        co_await settle();
    }
    CHECK(queue.size() == 4);
    queue.wake_all();
    co_await settle();
    CHECK(order == std::vector<int>{3, 1, 0, 2});
}

EDDY_TEST_CASE("a cancelled waiter leaves the queue at the moment of the cancel") {
    Gate gate;
    std::vector<int> order;
    auto first = eddy::spawn(notes(gate, 1, order));
    auto second = eddy::spawn(notes(gate, 2, order));
    co_await settle();
    first.cancel();
    CHECK(gate.waiters() == 1);
    gate.open();
    co_await second;
    co_await first.wait();
    CHECK(order == std::vector<int>{2});
}

EDDY_TEST_CASE("an operation that throws instead of waiting leaves its job in order") {
    for (const bool at_once : {true, false}) {
        auto job = eddy::spawn([at_once]() -> Task<int> {
            const auto error =
                co_await error_of([at_once]() -> Task<> { co_await Faulty::wait(at_once); }());
            CHECK(holds<std::runtime_error>(error));
            co_return 1;
        });
        const int value = co_await job;
        CHECK(value == 1);
        CHECK(job.info().waiting_for.empty());  // and what is known of it is still there
        CHECK(std::string(job.info().at.file_name()).find("wait_queue_test") != std::string::npos);
    }
}

EDDY_TEST_CASE("an operation that throws may be the last thing a job does") {
    auto job = eddy::spawn([]() -> Task<> { co_await Faulty::wait(false); });
    co_await job.wait();
    CHECK(job.state() == eddy::JobState::failed);
    CHECK(std::string(job.info().at.file_name()).find("wait_queue_test") != std::string::npos);
    auto collect = [&job]() -> Task<> { co_await job; };
    const auto error = co_await error_of(collect());
    CHECK(holds<std::runtime_error>(error));
}

EDDY_TEST_CASE("while a wake is pending, cancelling its job does not take it back") {
    HandOffLock lock;
    bool got = false;
    auto job = eddy::spawn([&]() -> Task<> {
        const HandOffLock::Guard guard = co_await lock.acquire();
        got = true;
        co_await eddy::checkpoint();
    });
    {
        const HandOffLock::Guard guard = co_await lock.acquire();
        co_await settle();
    }
    job.cancel();
    CHECK(lock.held());
    co_await job.wait();
    CHECK(got);
    CHECK(job.state() == eddy::JobState::cancelled);
    CHECK_FALSE(lock.held());
}
