// SPDX-License-Identifier: MIT
// Runs one storm:
//
//     storms --list                 their names
//     storms NAME                   as often as with every test run
//     storms NAME --full            as often as every night
//     storms NAME --count N
//
// Ends with 0 if all is well, with 1 if a check failed.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <eddy/loop.hpp>

#include "../bench/finished.hpp"
#include "storm.hpp"

namespace storms {

namespace {

std::vector<Storm>& all() {
    static std::vector<Storm> storms;
    return storms;
}

/// Returns the exit code.
int run(const Storm& storm, std::size_t count) {
    {
        const eddy::Loop loop;  // libuv keeps a few descriptors from its first loop on
    }
    const std::size_t before = descriptors();
    const auto begun = std::chrono::steady_clock::now();
    bool good = storm.run(count);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    good &= check(descriptors() == before, "there are as many descriptors as before");
    std::printf("%s: %zu %s in %.1f s, resident memory %ld KiB: %s\n",
                storm.name,
                count,
                storm.what,
                took.count(),
                resident_memory(),
                good ? "ok" : "FAILED");
    return good ? 0 : 1;
}

int usage() {
    std::fputs("usage: storms --list | storms NAME [--full | --count N]\n", stderr);
    return 2;
}

}  // namespace

Registered::Registered(const Storm& storm) { all().push_back(storm); }

}  // namespace storms

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    if (arguments.empty()) {
        return storms::usage();
    }
    for (const storms::Storm& storm : storms::all()) {
        if (arguments[0] == "--list") {
            std::printf("%s\n", storm.name);
        } else if (arguments[0] == storm.name) {
            // A sanitizer takes ten times as long.
            std::size_t count =
                storms::memory_counts() ? storm.few : std::max<std::size_t>(storm.few / 10, 1);
            if (arguments.size() == 2 && arguments[1] == "--full") {
                count = storm.many;
            } else if (arguments.size() == 3 && arguments[1] == "--count") {
                count = std::strtoull(argv[3], nullptr, 10);
            } else if (arguments.size() != 1) {
                return storms::usage();
            }
            return bench::finished(storms::run(storm, count));
        }
    }
    return arguments[0] == "--list" ? bench::finished(0) : storms::usage();
}
