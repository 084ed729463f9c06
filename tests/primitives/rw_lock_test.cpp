// SPDX-License-Identifier: MIT
#include <eddy/rw_lock.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "heap_hooks.hpp"

namespace {

using eddy::ReadGuard;
using eddy::RwLock;
using eddy::Task;
using eddy::WriteGuard;
using eddy::testing::heap_counters;
using eddy::testing::settle;

/// Jobs that take their turn and keep it until the test ends it.
class Users final {
public:
    RwLock lock;
    std::vector<int> order;  // who got it
    std::vector<std::unique_ptr<eddy::CancelScope>> scopes;
    std::vector<std::unique_ptr<eddy::Event>> ends;

    /// One character for each: r or w. They arrive one after the other.
    Task<> come(const char* kinds) {
        for (; *kinds != '\0'; ++kinds) {
            const int number = static_cast<int>(ends.size());
            scopes.push_back(std::make_unique<eddy::CancelScope>());
            ends.push_back(std::make_unique<eddy::Event>());
            Task<> use = *kinds == 'r' ? reads(*this, number) : writes(*this, number);
            eddy::spawn(with_scope(*scopes.back(), std::move(use))).detach();
            co_await settle();
        }
    }
    void end(std::size_t number) { ends[number]->set(); }

private:
    static Task<> reads(Users& all, int number) {
        const auto guard = co_await all.lock.acquire_read();
        all.order.push_back(number);
        co_await all.ends[static_cast<std::size_t>(number)]->wait();
    }
    static Task<> writes(Users& all, int number) {
        const auto guard = co_await all.lock.acquire_write();
        all.order.push_back(number);
        co_await all.ends[static_cast<std::size_t>(number)]->wait();
    }
};

Task<> wanders(RwLock& lock, bool write, int& readers, int& writers) {
    for (int i = 0; i < 30; ++i) {
        if (write) {
            const auto guard = co_await lock.acquire_write();
            ++writers;
            co_await eddy::yield();
            CHECK(writers == 1);
            CHECK(readers == 0);
            --writers;
        } else {
            const auto guard = co_await lock.acquire_read();
            ++readers;
            co_await eddy::yield();
            CHECK(writers == 0);
            --readers;
        }
    }
}

Task<WriteGuard> takes_write(RwLock& lock) { co_return co_await lock.acquire_write(); }

}  // namespace

EDDY_TEST_CASE("readers share, a writer is alone") {
    Users users;
    co_await users.come("rrwr");
    CHECK(users.order == std::vector<int>({0, 1}));
    auto all = users.lock.statistics();
    CHECK(all.readers == 2);
    CHECK_FALSE(all.writing);
    CHECK(all.waiters == 2);
    CHECK(all.waiting_writers == 1);
    users.end(0);
    co_await settle();
    CHECK(users.order.size() == 2);
    users.end(1);
    co_await settle();
    CHECK(users.order == std::vector<int>({0, 1, 2}));
    all = users.lock.statistics();
    CHECK(all.writing);
    CHECK(all.writer != 0);
    CHECK(all.readers == 0);
    CHECK(all.waiters == 1);
    CHECK(all.waiting_writers == 0);
    users.end(2);
    users.end(3);
    co_await settle();
    CHECK(users.order == std::vector<int>({0, 1, 2, 3}));
    CHECK(users.lock.statistics().readers == 0);
}

EDDY_TEST_CASE("readers and writers never meet") {
    RwLock lock;
    int readers = 0;
    int writers = 0;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (int i = 0; i < 6; ++i) {
        jobs.push_back(eddy::spawn(wanders(lock, i % 3 == 0, readers, writers)));
    }
    for (auto& job : jobs) {
        co_await job;
    }
    CHECK(lock.statistics().readers == 0);
    CHECK_FALSE(lock.statistics().writing);
}

EDDY_TEST_CASE("a writer that waits holds up later readers, and try_ never passes the queue") {
    Users users;
    co_await users.come("rwr");
    CHECK(users.order == std::vector<int>{0});
    CHECK_FALSE(users.lock.try_acquire_read().has_value());
    CHECK_FALSE(users.lock.try_acquire_write().has_value());
    users.end(0);
    co_await settle();
    CHECK(users.order == std::vector<int>({0, 1}));  // the writer, not the reader
    CHECK_FALSE(users.lock.try_acquire_read().has_value());
    users.end(1);
    CHECK_FALSE(users.lock.try_acquire_write().has_value());
    co_await settle();
    CHECK(users.order == std::vector<int>({0, 1, 2}));
    CHECK(users.lock.try_acquire_read().has_value());  // beside the reader
    users.end(2);
    co_await settle();
    CHECK(users.lock.try_acquire_write().has_value());
}

EDDY_TEST_CASE("the end of a writer lets in all readers up to the next writer, in order") {
    Users users;
    co_await users.come("wrrwr");
    users.end(0);
    co_await settle();
    CHECK(users.lock.statistics().readers == 2);
    CHECK(users.lock.statistics().waiters == 2);
    users.end(1);
    users.end(2);
    co_await settle();
    CHECK(users.lock.statistics().writing);
    users.end(3);
    users.end(4);
    co_await settle();
    CHECK(users.order.size() == 5);
    CHECK(users.order[3] == 3);
    CHECK(users.order[4] == 4);
}

EDDY_TEST_CASE("a writer cancelled at the head lets the readers behind it in at once") {
    Users users;
    co_await users.come("rwrrw");
    CHECK(users.lock.statistics().readers == 1);
    users.scopes[1]->cancel();
    CHECK(users.lock.statistics().readers == 3);  // before anybody has run
    CHECK(users.lock.statistics().waiters == 1);
    CHECK(users.lock.statistics().waiting_writers == 1);
    users.scopes[2]->cancel();  // too late for the wait
    co_await settle();
    CHECK(users.lock.statistics().readers == 2);
    users.scopes[4]->cancel();
    CHECK(users.lock.statistics().waiters == 0);
    users.end(0);
    users.end(3);
    co_await settle();
    CHECK(users.lock.try_acquire_write().has_value());
}

EDDY_TEST_CASE("a writer cancelled in the middle joins the readers around it") {
    Users users;
    co_await users.come("wrwr");
    users.scopes[2]->cancel();
    CHECK(users.lock.statistics().readers == 0);
    users.end(0);
    co_await settle();
    CHECK(users.lock.statistics().readers == 2);
    users.end(1);
    users.end(3);
    co_await settle();
}

EDDY_TEST_CASE("a select that goes elsewhere moves the queue up too") {
    Users users;
    co_await users.come("r");
    eddy::Event event;
    auto chooser = eddy::spawn(
        [](RwLock& lock, eddy::Event& e) -> Task<> {
            const auto got = co_await eddy::select(lock.acquire_write(), e.wait());
            CHECK(got.index() == 1);
        },
        std::ref(users.lock),
        std::ref(event));
    co_await settle();
    co_await users.come("r");
    CHECK(users.lock.statistics().readers == 1);
    event.set();
    CHECK(users.lock.statistics().readers == 2);
    co_await chooser;
    users.end(0);
    users.end(1);
    co_await settle();
}

EDDY_TEST_CASE("one job that asks for both in a select gets one, and the other place moves up") {
    RwLock lock;
    auto held = lock.try_acquire_write();
    std::size_t index = 9;
    auto chooser = eddy::spawn(
        [](RwLock& l, std::size_t& out) -> Task<> {
            const auto got = co_await eddy::select(l.acquire_write(), l.acquire_read());
            out = got.index();
        },
        std::ref(lock),
        std::ref(index));
    co_await settle();
    CHECK(lock.statistics().waiters == 2);
    held.reset();
    CHECK(lock.statistics().waiters == 0);
    CHECK(lock.statistics().writing);
    CHECK(lock.statistics().readers == 0);
    co_await chooser;
    CHECK(index == 0);
    CHECK(lock.try_acquire_write().has_value());
}

EDDY_TEST_CASE("downgrade lets readers in up to the next writer, and no writer in between") {
    Users users;
    auto write = std::make_optional(co_await users.lock.acquire_write());
    co_await users.come("rrwr");
    std::optional<ReadGuard> read(std::move(*write).downgrade());
    CHECK_FALSE(*write);
    CHECK(*read);
    CHECK(users.lock.statistics().readers == 3);
    CHECK_FALSE(users.lock.statistics().writing);
    CHECK(users.lock.statistics().writer == 0);
    CHECK(users.lock.statistics().waiters == 2);
    write.reset();  // an empty one: nothing happens
    CHECK(users.lock.statistics().readers == 3);
    users.end(0);
    users.end(1);
    co_await settle();
    CHECK(users.lock.statistics().readers == 1);
    read.reset();
    CHECK(users.lock.statistics().writing);
    users.end(2);
    users.end(3);
    co_await settle();
    CHECK(users.order.back() == 3);
}

EDDY_TEST_CASE("the writer that asks again is refused; empty guards are errors") {
    RwLock lock;
    auto write = co_await lock.acquire_write();
    CHECK_THROWS_AS(static_cast<void>(lock.try_acquire_read()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(lock.try_acquire_write()), eddy::InvalidState);
    int refused = 0;
    try {
        const auto again = co_await lock.acquire_write();
    } catch (const eddy::InvalidState&) {
        ++refused;
    }
    try {
        const auto again = co_await lock.acquire_read();
    } catch (const eddy::InvalidState&) {
        ++refused;
    }
    CHECK(refused == 2);
    CHECK(lock.statistics().waiters == 0);
    write.release();
    CHECK_FALSE(write);
    CHECK_THROWS_AS(write.release(), eddy::InvalidState);
    CHECK_THROWS_AS(write.adopt(), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(std::move(write).downgrade()), eddy::InvalidState);
    auto read = co_await lock.acquire_read();
    CHECK(read);
    read.release();
    CHECK_THROWS_AS(read.release(), eddy::InvalidState);
    CHECK(lock.try_acquire_write().has_value());
}

EDDY_TEST_CASE("a write guard changes its owner where it is adopted, and its name stays") {
    RwLock lock;
    auto job = eddy::spawn(takes_write(lock), {.name = "first"});
    const eddy::JobId id = job.id();
    auto guard = co_await std::move(job);
    CHECK(lock.statistics().writer == id);
    CHECK(lock.statistics().writer_name == "first");
    guard.adopt();
    CHECK(lock.statistics().writer != id);
    CHECK(lock.statistics().writer_name != "first");
    CHECK_THROWS_AS(static_cast<void>(lock.try_acquire_read()), eddy::InvalidState);
}

EDDY_TEST_CASE_FIFO("waiting to read or write asks the heap for nothing") {
    RwLock lock;
    int readers = 0;
    int writers = 0;
    for (int round = 0; round < 2; ++round) {
        auto first = eddy::spawn(wanders(lock, true, readers, writers));
        auto second = eddy::spawn(wanders(lock, false, readers, writers));
        auto third = eddy::spawn(wanders(lock, false, readers, writers));
        const auto before = heap_counters().allocations;
        co_await first;
        co_await second;
        co_await third;
        if (round == 1) {
            CHECK(heap_counters().allocations == before);
        }
    }
}

EDDY_TEST_CASE("an RwLock refuses other threads") {
    RwLock lock;
    auto read = co_await lock.acquire_read();
    int refused = 0;
    const auto expect_refused = [&refused](auto&& call) {
        std::thread([&] {
            try {
                call();
            } catch (const eddy::WrongThread&) {
                ++refused;
            }
        }).join();
    };
    expect_refused([&] { static_cast<void>(lock.try_acquire_read()); });
    expect_refused([&] { static_cast<void>(lock.try_acquire_write()); });
    expect_refused([&] { static_cast<void>(lock.statistics()); });
    expect_refused([&] { read.release(); });
    read.release();
    auto write = co_await lock.acquire_write();
    expect_refused([&] { write.adopt(); });
    expect_refused([&] { write.release(); });
    expect_refused([&] { static_cast<void>(std::move(write).downgrade()); });
    CHECK(refused == 7);
    CHECK(write);
    CHECK(lock.statistics().writing);
}
