// SPDX-License-Identifier: MIT
#include <eddy/cancel_handle.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Task;
using eddy::with_scope;
using eddy::testing::let_run;
using eddy::testing::settle;

namespace {

Task<> sleeps_forever() { co_await eddy::sleep_forever(); }
Task<std::string> reason_of_cancel() {
    std::string reason;
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled& cancelled) {
        reason = cancelled.reason();
    }
    co_return reason;
}

}  // namespace

EDDY_TEST_CASE("another thread cancels a scope through its handle") {
    const eddy::testing::HoldTime hold;
    CancelScope scope;
    std::thread other([handle = scope.handle()] { CHECK(handle.cancel("from another thread")); });
    const auto reason = co_await with_scope(scope, reason_of_cancel());
    other.join();
    CHECK(reason == "from another thread");
}

EDDY_TEST_CASE("many threads may cancel the same scope; one reason wins, all get through") {
    const eddy::testing::HoldTime hold;
    CancelScope scope;
    std::vector<std::thread> others;
    for (int i = 0; i < 4; ++i) {
        others.emplace_back([handle = scope.handle()] {
            for (int j = 0; j < 100; ++j) {
                CHECK(handle.cancel("again"));
            }
        });
    }
    const bool done = co_await with_scope(scope, sleeps_forever());
    for (std::thread& other : others) {
        other.join();
    }
    CHECK_FALSE(done);
}

EDDY_TEST_CASE("a handle on the loop's own thread cancels in its next turn") {
    CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, sleeps_forever()));
    co_await settle();
    CHECK(scope.handle().cancel());
    CHECK_FALSE(scope.cancel_called());
    const bool done = co_await job;
    CHECK_FALSE(done);
}

EDDY_TEST_CASE("a handle may be taken before entry and used after the scope is gone") {
    std::optional<eddy::CancelHandle> handle;
    {
        CancelScope scope;
        handle = scope.handle();
    }
    CHECK(handle->cancel());
    co_await settle();
    CancelScope early;
    CHECK(early.handle().cancel("before entry"));
    co_await settle();
    CHECK(early.cancel_called());
    const auto reason = co_await with_scope(early, reason_of_cancel());
    CHECK(reason == "before entry");
}

EDDY_TEST_CASE("a job's handle cancels it, and is harmless after its end") {
    auto job = eddy::spawn(reason_of_cancel());
    const eddy::CancelHandle handle = job.cancel_handle();
    co_await settle();
    CHECK(handle.cancel("enough"));
    const std::string reason = co_await job;
    CHECK(reason == "enough");
    CHECK(handle.cancel("too late"));
    CHECK(job.cancel_handle().cancel("far too late"));
    job.detach();
    CHECK(handle.cancel("gone"));
    co_await settle();
}

TEST_CASE("a handle says false once the loop is over") {
    std::optional<eddy::CancelHandle> of_scope;
    std::optional<eddy::CancelHandle> of_job;
    eddy::testing::VirtualClock clock;
    eddy::run(
        [](std::optional<eddy::CancelHandle>& scope_handle,
           std::optional<eddy::CancelHandle>& job_handle) -> Task<> {
            CancelScope scope;
            scope_handle = scope.handle();
            auto job = eddy::spawn(sleeps_forever());
            job_handle = job.cancel_handle();
            co_return;
        }(of_scope, of_job),
        {},
        {.clock = &clock});
    CHECK_FALSE(of_scope->cancel());
    CHECK_FALSE(of_job->cancel());
    bool refused = true;
    std::thread([&] { refused = !of_scope->cancel() && !of_job->cancel(); }).join();
    CHECK(refused);
}

TEST_CASE("a handle used while its job is destroyed at the end of the loop is harmless") {
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    eddy::Loop loop({.clock = &clock, .observer = &observer});
    std::optional<eddy::CancelHandle> handle;
    struct CancelsLate {
        std::optional<eddy::CancelHandle>* handle;
        explicit CancelsLate(std::optional<eddy::CancelHandle>* h) : handle(h) {}
        CancelsLate(const CancelsLate&) = delete;
        CancelsLate& operator=(const CancelsLate&) = delete;
        ~CancelsLate() { CHECK((*handle)->cancel("in its destructor")); }
    };
    loop.run(
        [](std::optional<eddy::CancelHandle>& out) -> Task<> {
            auto job = eddy::spawn([&out]() -> Task<> {
                const CancelsLate late(&out);
                co_await eddy::shield(sleeps_forever());
            });
            out = job.cancel_handle();
            co_await let_run();
        }(handle),
        {.grace = 1ms});
    CHECK(observer.abandoned.size() == 1);
    CHECK_FALSE(handle->cancel());
}
