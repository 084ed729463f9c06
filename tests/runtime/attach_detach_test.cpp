// SPDX-License-Identifier: MIT
// Several who want a guest to leave: each is told when it has.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/with_scope.hpp>

#include "attach_host.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Host;
using eddy::testing::HostTimer;

Task<> sleeps() { co_await eddy::sleep_forever(); }
Task<> stubborn() { co_await eddy::shield(sleeps()); }

TEST_CASE("whoever detaches is told, in order, whenever it was") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    std::vector<std::string> told;
    bool unwound = false;
    loop->spawn([&]() -> Task<> {
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled&) {
            loop->detach([&] { told.emplace_back(unwound ? "while a job unwinds" : "too early"); });
        }
        co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_for(2ms); });
        unwound = true;
    });
    loop->spawn([&]() -> Task<> {
        loop->detach([&] { told.emplace_back("from a job"); });
        co_return;
    });
    loop->detach([&] { told.emplace_back("first"); });
    loop->detach({});
    host.run();
    CHECK(told == std::vector<std::string>{"first", "while a job unwinds", "from a job"});
    CHECK(host.close() == 0);
}

TEST_CASE("a detach while the handles close is told with the others") {
    Host host;
    std::unique_ptr<eddy::Loop> loop;
    std::optional<eddy::LoopHandle> door;
    int told = 0;
    std::function<void()> look = [&] {
        if (door->closed() && told == 0) {
            loop->detach([&] { ++told; });
            CHECK(told == 0);
        }
    };
    uv_check_t after{};  // before the guest's: called after it, and before the close callbacks
    uv_check_init(host.loop(), &after);
    after.data = &look;
    uv_check_start(
        &after, [](uv_check_t* check) { (*static_cast<std::function<void()>*>(check->data))(); });
    uv_unref(reinterpret_cast<uv_handle_t*>(&after));
    loop = eddy::Loop::attach(host.loop());
    door.emplace(loop->handle());
    loop->detach([&] { ++told; });
    host.run();
    CHECK(told == 2);
    uv_close(reinterpret_cast<uv_handle_t*>(&after), nullptr);
    host.run();
    CHECK(host.close() == 0);
}

TEST_CASE("a detach after the end is told at once") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    int told = 0;
    loop->detach([&] {
        ++told;
        loop->detach([&] { ++told; });
        CHECK(told == 2);
    });
    host.run();
    CHECK(told == 2);
    CHECK(host.close() == 0);
    loop->detach([&] { ++told; });
    CHECK(told == 3);
    loop->detach({});
}

TEST_CASE("the first who is told may destroy the loop, and the others are told all the same") {
    Host host;
    auto loop = eddy::Loop::attach(host.loop());
    bool told = false;
    loop->detach([&] { loop.reset(); });
    loop->detach([&] { told = true; });
    host.run();
    CHECK(told);
    CHECK(loop == nullptr);
    CHECK(host.close() == 0);
}

TEST_CASE("of the graces of several detaches the one that is over first counts") {
    for (const bool shorter_last : {true, false}) {
        Host host;
        eddy::testing::RecordingObserver observer;
        auto loop = eddy::Loop::attach(host.loop(), {.loop = {.observer = &observer}});
        loop->spawn(stubborn(), {.name = "mule"});
        int told = 0;
        const auto start = std::chrono::steady_clock::now();
        HostTimer timer(host, 1, [&] {
            loop->detach([&] { ++told; }, shorter_last ? 1h : 0s);
            loop->detach([&] { ++told; }, shorter_last ? 2ms : 1h);
        });
        host.run();
        CHECK(std::chrono::steady_clock::now() - start < 30min);
        CHECK(told == 2);
        CHECK(observer.abandoned.size() == 1);
        CHECK(host.close() == 0);
    }
}

}  // namespace

TEST_CASE("a loop that is leaving its host refuses other threads until it has") {
    Host host;
    bool over = false;
    struct Late {
        uv_check_t check{};
        eddy::Loop* loop = nullptr;
        int refused = 0;
    } late;
    uv_check_init(host.loop(), &late.check);
    late.check.data = &late;
    // After the guest's own, which comes later: in the turn in which its handles close, before
    // their callbacks.
    uv_check_start(&late.check, [](uv_check_t* handle) {
        auto& self = *static_cast<Late*>(handle->data);
        std::thread([&self] {
            try {
                self.loop->unref();
            } catch (const eddy::WrongThread& error) {
                const std::string text = error.what();
                self.refused += text.find("is leaving its host") != std::string::npos ? 1 : 0;
            }
        }).join();
    });
    auto loop = eddy::Loop::attach(host.loop());
    late.loop = loop.get();
    loop->detach([&over] { over = true; });
    while (!over) {
        uv_run(host.loop(), UV_RUN_ONCE);
    }
    CHECK(late.refused == 1);
    uv_close(reinterpret_cast<uv_handle_t*>(&late.check), nullptr);
    host.run();
}
