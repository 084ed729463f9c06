// SPDX-License-Identifier: MIT
#include <eddy/notify.hpp>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"

namespace {

using eddy::Notify;
using eddy::Task;
using eddy::testing::settle;

Task<> pass(Notify& notify, std::vector<int>& order, int number) {
    co_await notify.wait();
    order.push_back(number);
}

/// A notification is used up by the first wait; one that was cancelled leaves it.
class NotifyFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit NotifyFixture(eddy::testing::VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return notify_.wait(); }
    Task<> wait() {
        co_await notify_.wait();
        used_ = true;
    }
    Task<> wait_again() {
        CHECK(notify_.statistics().permit != used_);
        if (used_) {
            notify_.notify_one();
        }
        co_await notify_.wait();
    }
    void complete() { notify_.notify_one(); }
    bool intact() const { return notify_.statistics().waiters == 0; }

private:
    Notify notify_;
    bool used_ = false;
};

/// Waits, whatever the loop says.
Task<> insists(Notify& notify, std::vector<int>& order) {
    co_await eddy::shield(pass(notify, order, 0));
}

/// In the frame of a job that the loop destroys: the first of its kind to go notifies.
class NotifiesAtEnd final {
public:
    NotifiesAtEnd(Notify& notify, bool all) : notify_(notify), all_(all) {}
    NotifiesAtEnd(const NotifiesAtEnd&) = delete;
    NotifiesAtEnd& operator=(const NotifiesAtEnd&) = delete;
    ~NotifiesAtEnd() {
        if (notify_.statistics().waiters == 2) {
            all_ ? notify_.notify_all() : notify_.notify_one();
        }
    }

private:
    Notify& notify_;
    bool all_;
};

Task<> notifies_at_end(Notify& notify, bool all) {
    const NotifiesAtEnd last(notify, all);
    co_await eddy::shield(eddy::testing::wait_matrix::ignores_everything());
}

/// The frames of two waiters die after one of them, or both, have been notified.
bool permit_after_both_died(bool all) {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    Notify notify;
    std::vector<int> order;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    loop.run(
        [](Notify& n, std::vector<int>& out, bool everybody) -> Task<> {
            eddy::spawn(notifies_at_end(n, everybody)).detach();  // dies first, or ...
            eddy::spawn(insists(n, out)).detach();
            eddy::spawn(insists(n, out)).detach();
            eddy::spawn(notifies_at_end(n, everybody)).detach();  // ... this one does
            co_await settle();
            CHECK(n.statistics().waiters == 2);
        }(notify, order, all),
        {.grace = std::chrono::milliseconds(1)});
    CHECK(observer.abandoned.size() == 4);
    CHECK(order.empty());
    CHECK(notify.statistics().waiters == 0);
    return notify.statistics().permit;
}

}  // namespace

EDDY_TEST_CASE("a notification for nobody is kept, but only one") {
    Notify notify;
    notify.notify_one();
    notify.notify_one();
    CHECK(notify.statistics().permit);
    co_await notify.wait();
    CHECK_FALSE(notify.statistics().permit);
    std::vector<int> order;
    eddy::spawn(pass(notify, order, 1)).detach();
    co_await settle();
    CHECK(order.empty());
    CHECK(notify.statistics().waiters == 1);
    notify.notify_one();
    CHECK_FALSE(notify.statistics().permit);
    co_await settle();
    CHECK(order == std::vector<int>{1});
}

EDDY_TEST_CASE_FIFO("notify_one wakes the longest waiter, one at a time") {
    Notify notify;
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(pass(notify, order, i)).detach();
    }
    co_await settle();
    notify.notify_one();
    CHECK(order.empty());
    co_await settle();
    CHECK(order == std::vector<int>{0});
    notify.notify_one();
    notify.notify_one();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 2}));
}

EDDY_TEST_CASE_FIFO("notify_all wakes exactly those that wait, and keeps nothing") {
    Notify notify;
    notify.notify_all();
    CHECK_FALSE(notify.statistics().permit);
    std::vector<int> order;
    for (int i = 0; i < 2; ++i) {
        eddy::spawn(
            [](Notify& n, std::vector<int>& out, int number) -> Task<> {
                co_await n.wait();
                out.push_back(number);
                co_await n.wait();  // waits for another call
                out.push_back(number + 10);
            },
            std::ref(notify),
            std::ref(order),
            i)
            .detach();
    }
    co_await settle();
    notify.notify_all();
    CHECK(notify.statistics().waiters == 0);
    co_await settle();
    CHECK(order == std::vector<int>({0, 1}));
    CHECK(notify.statistics().waiters == 2);
    notify.notify_all();
    co_await settle();
    CHECK(order == std::vector<int>({0, 1, 10, 11}));
}

EDDY_TEST_CASE("a cancelled waiter leaves the queue, a notified one succeeds all the same") {
    Notify notify;
    std::vector<int> order;
    eddy::CancelScope first;
    eddy::CancelScope second;
    eddy::spawn(with_scope(first, pass(notify, order, 1))).detach();
    co_await settle();
    eddy::spawn(with_scope(second, pass(notify, order, 2))).detach();
    co_await settle();
    first.cancel();
    notify.notify_one();
    second.cancel();  // too late
    co_await settle();
    CHECK(order == std::vector<int>{2});
    CHECK_FALSE(notify.statistics().permit);
}

EDDY_TEST_CASE("a select that another one has won leaves the notification alone") {
    Notify notify;
    Notify other;
    std::size_t winner = 9;
    auto chooser = eddy::spawn(
        [](Notify& a, Notify& b, std::size_t& index) -> Task<> {
            const auto got = co_await eddy::select(a.wait(), b.wait());
            index = got.index();
        },
        std::ref(notify),
        std::ref(other),
        std::ref(winner));
    co_await settle();
    other.notify_one();
    notify.notify_one();
    co_await chooser;
    CHECK(winner == 1);
    CHECK(notify.statistics().permit);
    CHECK_FALSE(other.statistics().permit);
}

EDDY_TEST_CASE("a notify refuses other threads") {
    Notify notify;
    notify.notify_all();
    bool refused = false;
    std::thread([&] {
        try {
            notify.notify_one();
        } catch (const eddy::WrongThread&) {
            refused = true;
        }
    }).join();
    CHECK(refused);
    CHECK_FALSE(notify.statistics().permit);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a notify that jobs wait on is a broken contract",
                     "a Notify was destroyed while jobs wait on it") {
    auto notify = std::make_unique<Notify>();
    std::vector<int> order;
    eddy::spawn(pass(*notify, order, 1)).detach();
    co_await settle();
    notify.reset();
}

TEST_CASE("a notification for one goes on when its job is destroyed, one for all does not") {
    CHECK(permit_after_both_died(false));
    CHECK_FALSE(permit_after_both_died(true));
}

EDDY_WAIT_MATRIX("Notify::wait", NotifyFixture)
