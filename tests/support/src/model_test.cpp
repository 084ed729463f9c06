// SPDX-License-Identifier: MIT
#include <eddy/testing/model_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/run_counts.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

namespace eddy::testing {

namespace {

constexpr std::uint64_t every_day = 250;
constexpr std::uint64_t per_seed = 50;

/// Stops at the first program that fails: the rest would say the same, ten thousand times.
bool run_program(std::uint64_t seed, bool in_order, const MakeProgram& make) {
    const std::string which = "EDDY_SEED=" + std::to_string(seed) +
                              (in_order ? ", first in first out" : ", random order");
    INFO(which);
    VirtualClock clock;
    RecordingObserver observer;
    const std::optional<std::uint64_t> schedule =
        in_order ? std::nullopt : std::optional<std::uint64_t>(seed);
    Loop loop({.clock = &clock, .observer = &observer, .schedule_seed = schedule});
    bool done = false;
    try {
        const std::unique_ptr<ModelProgram> program = make(seed, in_order);
        loop.run(program->run());
        done = true;
    } catch (const std::exception& error) {
        FAIL_CHECK("the program threw: " << std::string(error.what()));
    } catch (const Cancelled& cancelled) {
        FAIL_CHECK("the program was cancelled: " << cancelled.reason());
    }
    for (const RecordingObserver::Failure& failure : observer.failures) {
        FAIL_CHECK("a failure nobody collected, " << failure.where << ": " << failure.message);
    }
    CHECK(observer.abandoned.empty());
    CHECK(loop.statistics().jobs_alive == 0);
    return done && observer.failures.empty();
}

}  // namespace

ModelProgram::~ModelProgram() = default;

Task<> ModelProgram::run() {
    for (int i = 0; i < steps; ++i) {
        co_await step();
        co_await check();
    }
    co_await finish();
    co_await check();
}

Task<> ModelProgram::check() {
    co_await settle();
    if (!in_order_) {
        const auto by_job = [](const End& a, const End& b) { return a.job < b.job; };
        std::sort(ended_.begin(), ended_.end(), by_job);
        std::sort(expected_.begin(), expected_.end(), by_job);
    }
    if (ended_ != expected_) {
        throw InvalidState("ended: " + text(ended_) + "; expected: " + text(expected_));
    }
    ended_.clear();
    expected_.clear();
    compare();
}

std::int64_t ModelProgram::pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
}

std::size_t ModelProgram::pick_index(std::size_t size) {
    return std::uniform_int_distribution<std::size_t>(0, size - 1)(random_);
}

int ModelProgram::start(Task<std::string> body) {
    const int job = static_cast<int>(scopes_.size());
    scopes_.push_back(std::make_unique<CancelScope>());
    spawn(with_scope(*scopes_.back(), record(job, std::move(body)))).detach();
    return job;
}

void ModelProgram::cancel(int job) { scopes_.at(static_cast<std::size_t>(job))->cancel(); }

void ModelProgram::expect(int job, std::string how) { expected_.push_back({job, std::move(how)}); }

std::string ModelProgram::text(const std::vector<End>& ends) {
    std::string all = ends.empty() ? "none" : "";
    for (const End& end : ends) {
        all += (all.empty() ? "" : ", ") + std::to_string(end.job) + " " + end.how;
    }
    return all;
}

Task<> ModelProgram::record(int job, Task<std::string> body) {
    std::string how;
    try {
        how = co_await std::move(body);
    } catch (const Cancelled&) {
        ended_.push_back({job, "cancelled"});
        throw;
    }
    ended_.push_back({job, std::move(how)});
}

void run_model_test(const char* name, const MakeProgram& make) {
    const auto number = [](const char* variable) -> std::uint64_t {
        const char* value = std::getenv(variable);
        return value != nullptr ? std::strtoull(value, nullptr, 10) : 0;
    };
    const std::uint64_t one = number("EDDY_SEED");
    const std::uint64_t first = one != 0 ? one : 1;
    const std::uint64_t last =
        one != 0 ? one : std::max(every_day, number("EDDY_SEEDS") * per_seed);
    std::uint64_t programs = 0;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        if (!run_program(seed, true, make) || !run_program(seed, false, make)) {
            FAIL("EDDY_SEED=" << seed << " replays it");
        }
        programs += 2;
    }
    run_counts().programs += programs;
    MESSAGE(std::string(name) << ": " << programs << " programs");
}

}  // namespace eddy::testing
