// SPDX-License-Identifier: MIT
#include "explore.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <sys/single_threaded.h>

#include "engine.hpp"
#include "heap.hpp"
#include "memory.hpp"
#include "region.hpp"
#include "trace.hpp"

namespace explore {

namespace {

Scenario* first = nullptr;
std::uint64_t outcomes = 0;  // that there were
Scenario** last = &first;

[[nodiscard]] Options limits_of(const Scenario& scenario) {
    Options limits = scenario.limits;
    limits.preemptions = number_from("EDDY_EXPLORE_PREEMPTIONS", limits.preemptions);
    limits.surprises = number_from("EDDY_EXPLORE_SURPRISES", limits.surprises);
    limits.schedules = number_from("EDDY_EXPLORE_SCHEDULES", limits.schedules);
    limits.prune = number_from("EDDY_EXPLORE_PRUNE", 1) != 0;
    return limits;
}

/// Does one execution again, as `Engine::fail` has said: how often it had begun anew before, and
/// the decisions.
void replay(const Scenario& scenario, const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
        std::puts("EDDY_EXPLORE_SCHEDULE is what a failure has printed, as 2:0,1,1");
        std::exit(2);
    }
    for (const std::size_t rounds = std::stoul(text); engine.rounds < rounds;) {
        engine.run(scenario.body);
        if (memory.learn()) {
            engine.choices.clear();
            engine.forget_places();
            ++engine.rounds;
        } else if (!engine.choices.advance()) {
            std::puts("this program has no such schedule");
            std::exit(2);
        }
    }
    engine.choices.replay(text.substr(colon + 1));
    engine.run(scenario.body);
    Trace::print();
    std::printf("%s: this schedule ends well\n", scenario.name);
}

/// All executions of one, until there is no other or one has failed, which ends the program.
void explore_all(const Scenario& scenario) {
    const auto start = std::chrono::steady_clock::now();
    std::size_t executions = 0;
    engine.rounds = 0;
    outcomes = 0;
    engine.name(scenario.name);
    engine.options = limits_of(scenario);
    engine.warm_up(scenario.body);
    memory.forget_shared();
    engine.choices.clear();
    engine.forget_places();
    if (const char* const schedule = std::getenv("EDDY_EXPLORE_SCHEDULE")) {
        replay(scenario, schedule);
        return;
    }
    while (engine.options.schedules == 0 || executions < engine.options.schedules) {
        engine.run(scenario.body);
        ++executions;
        if (memory.learn()) {  // there are more points than was thought
            engine.choices.clear();
            engine.forget_places();
            ++engine.rounds;
        } else if (!engine.choices.advance()) {
            break;
        }
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    std::printf("%s: %zu schedules with at most %zu pre-emptions and %zu surprises, %.1f s%s\n",
                scenario.name,
                executions,
                engine.options.preemptions,
                engine.options.surprises,
                time.count(),
                executions == engine.options.schedules ? "; there are more" : "");
    std::fflush(stdout);
    if (engine.options.outcomes != 0 && outcomes != engine.options.outcomes) {
        std::printf("%s: FOUND other outcomes: %#jx, not %#jx\n",
                    scenario.name,
                    static_cast<std::uintmax_t>(outcomes),
                    static_cast<std::uintmax_t>(engine.options.outcomes));
        std::exit(1);
    }
}

void on_signal(int number) {
    std::signal(number, SIG_DFL);
    engine.fail("crash", number == SIGABRT ? "abort() was called" : "a bad address");
}

}  // namespace

Scenario::Scenario(const char* its_name, void (*its_body)(), const Options& its_limits)
    : name(its_name), body(its_body), limits(its_limits) {
    *last = this;
    last = &next;
}

void check(bool condition, const char* what) {
    if (!condition) {
        const Engine::Inside inside(engine);
        engine.fail("assertion", what);
    }
}

unsigned choose(unsigned count) {
    const Engine::Inside inside(engine);
    const std::size_t chosen = engine.choose(count, 4);
    engine.happened(chosen);
    return static_cast<unsigned>(chosen);
}

void outcome(unsigned number) { outcomes |= std::uint64_t{1} << number; }

unsigned threads(unsigned otherwise) {
    return static_cast<unsigned>(number_from("EDDY_EXPLORE_THREADS", otherwise));
}

void Doorbell::ring() {
    const Engine::Inside inside(engine);
    engine.point();
    ++count_;
    ++rung_;
    past_ = mixed(past_, engine.current().past);
    engine.happened(past_);
    engine.wake(this, true);
    Trace::add(
        {engine.current().id, "rings", reinterpret_cast<std::uintptr_t>(this), 0, 0, -1, false});
}

void Doorbell::wait() {
    const Engine::Inside inside(engine);
    engine.point();
    while (count_ == 0) {
        engine.wait(this, "a poll");
    }
    count_ = 0;
    engine.happened(past_);
    past_ = engine.current().past;
    Trace::add(
        {engine.current().id, "is woken", reinterpret_cast<std::uintptr_t>(this), 0, 0, -1, false});
}

}  // namespace explore

/// Explores the scenarios whose names contain the argument, or all.
int main(int argc, char** argv) {
    using namespace explore;
    __libc_single_threaded = 0;  // or shared_ptr would count without atomics
    Region::make();
    ThreadVariables::find();
    new (&explore::memory) Memory();
    new (&explore::heap) Heap();
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS}) {
        std::signal(number, on_signal);
    }
    std::size_t run = 0;
    for (const Scenario* scenario = first; scenario != nullptr; scenario = scenario->next) {
        if (argc < 2 || std::strstr(scenario->name, argv[1]) != nullptr) {
            explore_all(*scenario);
            ++run;
        }
    }
    return run != 0 ? 0 : 2;
}
