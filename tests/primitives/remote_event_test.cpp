// SPDX-License-Identifier: MIT
#include <eddy/remote_event.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::Event;
using eddy::RemoteEvent;
using eddy::Task;
using eddy::testing::settle;

}  // namespace

TEST_CASE("a thread completes an event, and the waiter sees what it did before") {
    eddy::run([]() -> Task<> {
        Event loaded;
        std::string text;  // no lock: the event orders it
        const RemoteEvent ready = loaded.remote();
        std::thread loader([&text, ready] {
            text = "loaded";
            CHECK(ready.set());
        });
        co_await loaded.wait();
        CHECK(text == "loaded");
        loader.join();
        CHECK(ready.set());  // again: nothing
    }());
}

TEST_CASE("many threads complete the same event, once") {
    for (int round = 0; round < 50; ++round) {
        eddy::run([]() -> Task<> {
            Event event;
            const RemoteEvent remote = event.remote();
            std::vector<std::thread> threads;
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([remote] { CHECK(remote.set()); });
            }
            co_await event.wait();
            for (std::thread& thread : threads) {
                thread.join();
            }
        }());
    }
}

EDDY_TEST_CASE("a remote set happens on the loop, not inside the call") {
    Event event;
    const RemoteEvent remote = event.remote();
    CHECK(remote.set());
    CHECK_FALSE(event.is_set());
    co_await settle();
    CHECK(event.is_set());
}

EDDY_TEST_CASE("set returns false once the event is gone") {
    std::optional<RemoteEvent> early;
    std::optional<RemoteEvent> late;
    {
        Event event;
        early = event.remote();
        late = event.remote();
        CHECK(early->set());
        CHECK_FALSE(late->closed());
    }
    CHECK(late->closed());
    CHECK_FALSE(early->set());
    CHECK_FALSE(late->set());
    co_await settle();  // the knock finds nobody
}

TEST_CASE("the end of the loop sets what was accepted, and closes the door") {
    Event event;
    std::optional<RemoteEvent> remote;
    eddy::run([](Event& e, std::optional<RemoteEvent>& out) -> Task<> {
        out = e.remote();
        CHECK(out->set());
        co_return;
    }(event, remote));
    CHECK(event.is_set());
    CHECK_FALSE(remote->set());
}

TEST_CASE("sets that race with the end of the loop happen, or are refused") {
    for (int round = 0; round < 100; ++round) {
        Event event;
        std::atomic<bool> accepted{false};
        std::thread setter;
        eddy::run([](Event& e, std::atomic<bool>& yes, std::thread& thread) -> Task<> {
            thread = std::thread([remote = e.remote(), &yes] { yes = remote.set(); });
            co_await eddy::sleep_for(eddy::Duration::zero());
        }(event, accepted, setter));
        setter.join();
        CHECK(event.is_set() == accepted);
    }
}

TEST_CASE("outside a loop there is no door to open") {
    Event event;
    CHECK_THROWS_AS(static_cast<void>(event.remote()), eddy::InvalidState);
}
