// SPDX-License-Identifier: MIT
#include <eddy/watch.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
#include <eddy/yield.hpp>

#include "broken_contract.hpp"
#include "exchange_kit.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Task;
using eddy::Watch;
using eddy::WatchReceiver;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;

using Log = std::vector<std::string>;

Task<std::string> next(const WatchReceiver<int>& receiver) {
    try {
        const std::optional<int> value = co_await receiver.next();
        co_return value ? std::to_string(*value) : "end";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

Task<std::string> changed(const WatchReceiver<int>& receiver) {
    try {
        co_await receiver.changed();
        co_return std::to_string(receiver.value());
    } catch (const eddy::EndOfStream&) {
        co_return "end";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

Task<> notes_next(const WatchReceiver<int>& receiver, Log& log) {
    log.push_back(co_await next(receiver));
}

Task<> notes_all(WatchReceiver<int> receiver, Log& log) {
    while (auto value = co_await receiver.next()) {
        log.push_back(std::to_string(*value));
    }
    log.push_back("end");
}

/// Each wait through a receiver of its own, which has seen only the value of the beginning.
class ChangedFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit ChangedFixture(eddy::testing::VirtualClock&) : receiver_(watch_.subscribe()) {}
    Task<> prepare() { co_return; }
    auto operation() { return receiver_.changed(); }
    Task<> wait() {
        const WatchReceiver<int> mine = receiver_;
        co_await mine.changed();
        CHECK(mine.value() == 1);
    }
    Task<> wait_again() {
        const WatchReceiver<int> mine = receiver_;
        const std::optional<int> value = co_await mine.next();
        CHECK(value == 1);
    }
    void complete() { watch_.set(1); }
    bool intact() const { return watch_.statistics().waiters == 0; }

protected:
    Watch<int> watch_{0};
    WatchReceiver<int> receiver_;
};

struct NextFixture : ChangedFixture {
    using ChangedFixture::ChangedFixture;
    auto operation() { return receiver_.next(); }
    Task<> wait() { co_await wait_again(); }
};

}  // namespace

EDDY_TEST_CASE("a receiver waits for a change, and the value of its beginning is none") {
    Watch<int> watch(1);
    auto receiver = watch.subscribe();
    CHECK_FALSE(receiver.has_changed());
    CHECK(receiver.value() == 1);
    Log log;
    eddy::spawn(notes_next(receiver, log)).detach();
    co_await settle();
    CHECK(log.empty());
    CHECK(watch.statistics().waiters == 1);
    watch.set(2);
    CHECK(watch.value() == 2);
    CHECK(watch.statistics().waiters == 0);
    CHECK(log.empty());
    co_await settle();
    CHECK(log == Log{"2"});
    CHECK_FALSE(receiver.has_changed());
    watch.set(2);  // equal, and a change all the same
    CHECK(receiver.has_changed());
    CHECK(receiver.value() == 2);
    CHECK(receiver.has_changed());  // a look does not count
    co_await receiver.changed();
    CHECK_FALSE(receiver.has_changed());
}

EDDY_TEST_CASE("who is slow sees fewer changes, but never misses the last one") {
    Watch<int> watch(0);
    const auto receiver = watch.subscribe();
    for (int i = 1; i <= 5; ++i) {
        watch.set(i);
    }
    const std::string how = co_await next(receiver);
    CHECK(how == "5");
    Log log;
    eddy::spawn(notes_next(receiver, log)).detach();
    co_await settle();
    watch.set(6);
    watch.set(7);  // before the job runs
    co_await settle();
    CHECK(log == Log{"7"});
    CHECK_FALSE(receiver.has_changed());
    watch.set(8);
    watch.close();
    const std::string then = co_await next(receiver);
    CHECK(then == "8");
    const std::string after = co_await next(receiver);
    CHECK(after == "end");
}

EDDY_TEST_CASE("the last value is seen before the end, also by a job that waits") {
    std::optional<WatchReceiver<int>> receiver;
    Log log;
    {
        Watch<int> watch(0);
        receiver.emplace(watch.subscribe());
        eddy::spawn(notes_all(*receiver, log)).detach();
        co_await settle();
        watch.set(1);
    }
    CHECK(receiver->has_changed());
    co_await settle();
    CHECK(log == Log{"1", "end"});
    const std::string how = co_await changed(*receiver);
    CHECK(how == "1");
    const std::string then = co_await changed(*receiver);
    CHECK(then == "end");
    CHECK(receiver->value() == 1);
    CHECK(receiver->statistics().closed);
}

EDDY_TEST_CASE(
    "a change wakes all who wait, also through one receiver, and each once (tokio 5396)") {
    Watch<int> watch(0);
    const auto receiver = watch.subscribe();
    Log log;
    for (int i = 0; i < 3; ++i) {
        eddy::spawn(
            [](const WatchReceiver<int>& r, Log& out) -> Task<> {
                co_await notes_next(r, out);
                co_await notes_next(r, out);
            },
            std::cref(receiver),
            std::ref(log))
            .detach();
    }
    co_await settle();
    watch.set(1);
    co_await settle();
    CHECK(log == Log{"1", "1", "1"});
    CHECK(watch.statistics().waiters == 3);  // each waits for another change
    watch.set(2);
    co_await settle();
    CHECK(log == Log{"1", "1", "1", "2", "2", "2"});
}

EDDY_TEST_CASE("closing a receiver wakes who waits through it, a closed watch refuses changes") {
    Watch<int> watch(0);
    auto receiver = watch.subscribe();
    const auto other = receiver;
    Log log;
    Log others;
    eddy::spawn(notes_next(receiver, log)).detach();
    eddy::spawn(notes_next(receiver, log)).detach();
    eddy::spawn(notes_next(other, others)).detach();
    co_await settle();
    const auto moved = std::move(receiver);  // while jobs wait through it
    CHECK(thrown_by([&] { static_cast<void>(receiver.value()); }) == "invalid state");
    const_cast<WatchReceiver<int>&>(moved).close();
    co_await settle();
    CHECK(log == Log{"closed", "closed"});
    CHECK(others.empty());
    CHECK(watch.statistics().receivers == 1);
    watch.close();
    co_await settle();
    CHECK(others == Log{"end"});
    CHECK(thrown_by([&] { watch.set(1); }) == "closed");
    CHECK(thrown_by([&] { static_cast<void>(watch.subscribe()); }) == "closed");
    CHECK(watch.value() == 0);
}

EDDY_TEST_CASE("a watch can be set when nobody is there, and a select can wait for it") {
    Watch<std::string> watch("a");
    watch.set("b");
    const auto receiver = watch.subscribe();
    CHECK(receiver.value() == "b");
    const auto slept =
        co_await eddy::select(receiver.next(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(slept.index() == 1);
    CHECK(watch.statistics().waiters == 0);
    watch.set("c");
    const auto got =
        co_await eddy::select(receiver.changed(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(got.index() == 0);
    CHECK_FALSE(receiver.has_changed());
}

EDDY_TEST_CASE("a watch and its receivers refuse other threads") {
    Watch<int> watch(0);
    auto receiver = watch.subscribe();
    watch.set(1);
    CHECK(refused_elsewhere([&] { watch.set(2); }));
    CHECK(refused_elsewhere([&] { watch.close(); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(watch.value()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(watch.subscribe()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(watch.statistics()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.value()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.has_changed()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.changed()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.next()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(receiver.statistics()); }));
    CHECK(refused_elsewhere([&] { receiver.close(); }));
    CHECK(refused_elsewhere([&] { const auto copy = receiver; }));
    CHECK(watch.value() == 1);
    CHECK(watch.statistics().receivers == 1);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying a watch's receiver on another thread is a broken contract",
                     "destroyed on another thread") {
    Watch<int> watch(0);
    auto receiver = std::make_unique<WatchReceiver<int>>(watch.subscribe());
    std::thread([&receiver] { receiver.reset(); }).join();
    co_return;
}

EDDY_TEST_CASE_FIFO("waits and changes of a watch allocate nothing") {
    Watch<int> watch(0);
    std::uint64_t got = 0;
    auto consumer = eddy::spawn(
        [](WatchReceiver<int> receiver, std::uint64_t& count) -> Task<> {
            while (auto value = co_await receiver.next()) {
                ++count;
            }
        },
        watch.subscribe(),
        std::ref(got));
    co_await settle();
    const std::size_t before = eddy::testing::heap_counters().allocations;
    for (int i = 0; i < 500; ++i) {
        watch.set(i);
        co_await eddy::yield();
    }
    const std::size_t after = eddy::testing::heap_counters().allocations;
    watch.close();
    co_await consumer;
    CHECK(got == 500);
    CHECK(after == before);
}

EDDY_WAIT_MATRIX("WatchReceiver::changed", ChangedFixture)
EDDY_WAIT_MATRIX("WatchReceiver::next", NextFixture)
