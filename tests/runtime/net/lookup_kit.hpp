// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <eddy/join_handle.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

#include "blocked_resolver.hpp"
#include "net_kit.hpp"

/// What tests of lookups need: names that hang, and ways to see how far threads have come.

namespace eddy::testing {

using Addresses = std::vector<Address>;
using LookupJobs = std::vector<JoinHandle<Addresses>>;

inline constexpr std::size_t most_lookup_threads = 16;
inline constexpr std::size_t most_queued_lookups = 1024;

/// One of many, each with a call of its own.
inline std::string blocked_name(std::size_t number) {
    return "blocked." + std::to_string(number) + ".invalid";
}

/// The same, with the addresses below in the end.
inline std::string known_name(std::size_t number) { return "known." + std::to_string(number); }

inline Addresses known_addresses(std::uint16_t port) {
    return {Address("127.0.0.1", port), Address("127.0.0.2", port), Address("::1", port)};
}

/// Lets the loop and the threads go on until it is so.
template <class Condition>
Task<> until(Condition condition) {
    while (!condition()) {
        co_await yield();
    }
}

/// Nothing runs and nothing is queued: what an earlier test has left alone is over, and nobody
/// joins it.
inline Task<> until_quiet() {
    return until([] {
        const LookupStatistics now = lookup_statistics();
        return now.running == 0 && now.queued == 0;
    });
}

inline Task<> until_blocked(const BlockedResolver& resolver, std::size_t count) {
    return until([&resolver, count] { return resolver.blocked() >= count; });
}

/// Jobs that ask for different names, from number `first` on.
inline LookupJobs ask_blocked(std::size_t count, std::size_t first = 0) {
    LookupJobs jobs;
    for (std::size_t i = 0; i < count; ++i) {
        jobs.push_back(spawn(resolve(blocked_name(first + i), 80)));
    }
    return jobs;
}

/// Once all is quiet: so many that every thread there may be is busy, and the others are queued.
inline Task<LookupJobs> hang(const BlockedResolver& resolver,
                             std::size_t count = most_lookup_threads) {
    co_await until_quiet();
    LookupJobs jobs = ask_blocked(count);
    co_await until_blocked(resolver, std::min(count, most_lookup_threads));
    co_return jobs;
}

/// Waits for their ends, whatever they are.
inline Task<> end_all(LookupJobs& jobs) {
    for (JoinHandle<Addresses>& job : jobs) {
        const auto ended = co_await failure_of(job);
        static_cast<void>(ended);
    }
}

/// The same, by a loop of another thread, which is over then: all of them hang for nobody.
inline void leave_hanging(const BlockedResolver& resolver,
                          std::size_t count = most_lookup_threads) {
    const auto leave = [&]() -> Task<> {
        const LookupJobs jobs = co_await hang(resolver, count);  // detached when it dies
    };
    std::thread([&] { run(leave()); }).join();
}

}  // namespace eddy::testing
