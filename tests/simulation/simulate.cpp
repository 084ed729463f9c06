// SPDX-License-Identifier: MIT
// The services of the samples, 100 clients and a bad network, for hours of virtual time.
//   simulate [HOURS [SEED [CLIENTS]]]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "world.hpp"

int main(int count, char** arguments) {
    const auto number = [&](int index, unsigned long otherwise) {
        return count > index ? std::strtoul(arguments[index], nullptr, 10) : otherwise;
    };
    simulation::WorldOptions options;
    options.hours = static_cast<unsigned>(number(1, 24));
    options.seed = number(2, 1);
    options.clients = number(3, 100);
    if (options.hours == 0 || options.clients == 0) {
        std::fprintf(stderr, "usage: simulate [HOURS [SEED [CLIENTS]]]\n");
        return 2;
    }
    const auto begun = std::chrono::steady_clock::now();
    const std::string again = "again: tests/simulate.sh " + std::to_string(options.hours) + " " +
                              std::to_string(options.seed) + " " + std::to_string(options.clients);
    simulation::WorldReport report;
    try {
        report = simulation::simulate(options);
    } catch (const std::exception& error) {
        std::printf("FOUND: the world ended with \"%s\"; %s\n", error.what(), again.c_str());
        return 1;
    }
    const double took =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();

    const auto wide = [](auto value) { return static_cast<unsigned long long>(value); };
    std::printf("%u hours, %llu clients, seed %llu: %.1f s\n",
                options.hours,
                wide(options.clients),
                wide(options.seed),
                took);
    std::printf("%llu sessions, %llu bytes on wires, %llu echoed, %llu lines seen, %llu events\n",
                wide(report.sessions),
                wide(report.bytes),
                wide(report.echoed),
                wide(report.lines_seen),
                wide(report.events));
    std::printf("%llu items made, %llu popped, %llu gone with the connection they were sent on\n",
                wide(report.items),
                wide(report.pops),
                wide(report.lost_items));
    std::printf(
        "%llu errors at clients, %llu dropped by the room, %llu drains, %llu failures of "
        "handlers\n",
        wide(report.errors),
        wide(report.dropped),
        wide(report.drains),
        wide(report.failures));
    std::printf("heap at the end of each hour:");
    for (const std::ptrdiff_t bytes : report.heap) {
        std::printf(" %lld", static_cast<long long>(bytes));
    }
    std::printf("\ntrace %016llx\n", wide(report.hash));
    for (const std::string& finding : report.findings) {
        std::printf("FOUND: %s\n", finding.c_str());
    }
    if (report.finding_count != 0) {
        std::printf("%llu findings; %s\n", wide(report.finding_count), again.c_str());
        return 1;
    }
    return 0;
}
