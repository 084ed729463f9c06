// SPDX-License-Identifier: MIT
// A wait and a timeout that end at the same moment: what was waited for has happened.
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/gather.hpp>
#include <eddy/interval.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/race.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::Task;
using eddy::TimePoint;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sleeps_until(TimePoint at) { co_await eddy::sleep_until(at); }
Task<TimePoint> ticks(eddy::Interval& interval) { co_return co_await interval.tick(); }

/// Whose reads take a second.
class SlowStream final {
public:
    explicit SlowStream(eddy::testing::MemoryStream inner) : inner_(std::move(inner)) {}

    Task<std::size_t> read_some(std::span<std::byte>) {
        co_await eddy::sleep_for(1s);
        co_return 1;
    }
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto write_all(std::span<const std::byte> bytes) { return inner_.write_all(bytes); }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    auto write_all(std::string_view text) { return inner_.write_all(text); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    eddy::testing::MemoryStream inner_;
};

}  // namespace

EDDY_TEST_CASE("work whose sleep ends with its timeout has finished") {
    const TimePoint start = eddy::now();
    const bool at = co_await eddy::move_on_at(start + 1s, eddy::sleep_until(start + 1s));
    CHECK(at);
    const bool after = co_await eddy::move_on_after(1s, eddy::sleep_for(1s));
    CHECK(after);
    const bool scoped = co_await eddy::with_scope({.timeout = 1s}, sleeps, 1s);
    CHECK(scoped);
    co_await eddy::fail_after(1s, sleeps(1s));
    co_await eddy::fail_at(start + 5s, sleeps_until(start + 5s));
    CHECK(eddy::now() == start + 5s);
    const bool late = co_await eddy::move_on_after(1s, eddy::sleep_for(1s + 1ns));
    CHECK_FALSE(late);
}

EDDY_TEST_CASE("so it is however deep, and whichever deadline was moved there last") {
    const TimePoint start = eddy::now();
    const auto deep = co_await eddy::move_on_after(
        1s,
        eddy::move_on_after(1s, eddy::fail_at(start + 1s, eddy::move_on_after(1s, sleeps(1s)))));
    REQUIRE(deep.has_value());
    REQUIRE(deep->has_value());
    CHECK(**deep);
    CancelScope scope;
    auto job = eddy::spawn(eddy::with_scope(scope, sleeps(1s)));
    co_await eddy::sleep_for(500ms);
    scope.set_deadline(start + 2s);
    scope.set_deadline(start + 3s);
    scope.set_deadline(start + 2s);
    const bool done = co_await job;
    CHECK(done);
    CHECK(eddy::now() == start + 2s);
}

EDDY_TEST_CASE("so it is in a crowd that ends at one moment") {
    const TimePoint end = eddy::now() + 1s;
    std::vector<eddy::JoinHandle<bool>> jobs;
    for (int i = 0; i < 2'000; ++i) {
        jobs.push_back(eddy::spawn(eddy::move_on_at(end, sleeps_until(end))));
    }
    int done = 0;
    for (auto& job : jobs) {
        const bool finished = co_await job;
        done += finished ? 1 : 0;
    }
    CHECK(done == 2'000);
}

EDDY_TEST_CASE("so it is for ticks, selects and races") {
    const TimePoint start = eddy::now();
    eddy::Interval interval(start + 1s, 1s);
    const auto tick = co_await eddy::move_on_at(start + 1s, ticks(interval));
    CHECK(tick == start + 1s);
    const auto chosen =
        co_await eddy::move_on_after(1s, eddy::select(eddy::sleep_forever(), interval.tick()));
    CHECK(chosen.has_value());
    const auto first = co_await eddy::move_on_after(1s, eddy::race(sleeps(1s), sleeps(1s)));
    CHECK(first);
    CHECK(eddy::now() == start + 3s);
}

EDDY_TEST_CASE("so it is for groups and gather, whose jobs have all finished") {
    int finished = 0;
    const auto job = [&finished]() -> Task<> {
        co_await eddy::sleep_for(1s);
        ++finished;
    };
    const auto body = [&job](eddy::TaskGroup& group) -> Task<> {
        group.spawn(job());
        group.spawn(job());
        co_await job();
    };
    const bool grouped = co_await eddy::move_on_after(1s, eddy::with_task_group(body));
    CHECK(grouped);
    CHECK(finished == 3);
    const auto gathered = co_await eddy::move_on_after(1s, eddy::gather(job(), job()));
    CHECK(gathered.has_value());
    CHECK(finished == 5);
    CHECK(eddy::now().time_since_epoch() == 2s);
}

EDDY_TEST_CASE("so it is for the read of a timed stream that ends with its idle timeout") {
    auto [near, far] = eddy::testing::memory_stream_pair();
    eddy::TimedStream<SlowStream> stream(SlowStream(std::move(near)), {.idle = 1s});
    std::byte buffer[1];
    const std::size_t length = co_await stream.read_some(buffer);
    CHECK(length == 1);
    CHECK(eddy::now().time_since_epoch() == 1s);
}
