// SPDX-License-Identifier: MIT
#include "scenario.hpp"

#include <exception>
#include <iterator>

#include <eddy/loop.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>

namespace scenarios {

namespace {

eddy::Task<> host(const Scenario& scenario, Trace& trace) {
    try {
        co_await scenario.run(trace);
    } catch (const std::exception& error) {
        trace.note("~", std::string("threw ") + error.what());
    }
    trace.note("~", "over");
}

}  // namespace

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all;
    for (const auto part : {time_scenarios,
                            job_scenarios,
                            lock_scenarios,
                            exchange_scenarios,
                            stream_scenarios,
                            thread_scenarios}) {
        const std::vector<Scenario> some = part();
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

Trace run_scenario(const Scenario& scenario, std::optional<std::uint64_t> seed) {
    Trace trace;
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    const auto reported = [&]() -> eddy::Task<> {  // on the loop: notes have a time
        for (const auto& failure : observer.failures) {
            trace.note("~", "reported " + failure.where + ": " + failure.message);
        }
        co_return;
    };
    const auto all = [&]() -> eddy::Task<> {
        co_await host(scenario, trace);
        co_await reported();
    };
    eddy::Loop loop({.clock = &clock, .observer = &observer, .schedule_seed = seed});
    loop.run(all());
    return trace;
}

}  // namespace scenarios
