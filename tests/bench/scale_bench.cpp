// SPDX-License-Identifier: MIT
// What grows with the load, and what is left when the load has gone: groups in groups, bursts, long
// lines, connections. Each figure is of a process of its own. tests/bench/accept_syscalls.sh counts
// the system calls of the two servers.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <vector>

#include "counting_new.hpp"
#include "finished.hpp"
#include "scale_accept.hpp"
#include "scale_memory.hpp"
#include "scale_trees.hpp"

namespace {

using namespace bench::scale;

constexpr const char* usage =
    "usage: scale_bench [ROW...]      trees bursts lines accept; all without one\n"
    "       scale_bench --serve eddy|uv|eddy-once|uv-once   prints its port, runs until killed\n"
    "       scale_bench --load PORT CONNECTIONS TOGETHER\n";

struct Figures {
    double values[3];
    double peak;  // resident, KiB, above what the process began with
};

long resident_peak() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

/// In a child, so that nothing is warm and nothing is left.
template <class F>
Figures apart(F measure) {
    int ends[2];
    if (pipe(ends) != 0) {
        std::abort();
    }
    const pid_t child = fork();
    if (child == 0) {
        const long before = resident_peak();
        Figures figures{};
        measure(figures);
        figures.peak = static_cast<double>(resident_peak() - before);
        const bool written = write(ends[1], &figures, sizeof figures) == sizeof figures;
        _exit(written ? 0 : 1);
    }
    Figures figures{};
    if (read(ends[0], &figures, sizeof figures) != sizeof figures) {
        std::fprintf(stderr, "a measurement has died\n");
    }
    waitpid(child, nullptr, 0);
    close(ends[0]);
    close(ends[1]);
    return figures;
}

void trees() {
    double small = 0;
    for (const int depth : {1'000, 8'000}) {
        const Figures found =
            apart([depth](Figures& figures) { figures.values[0] = cancel_nested(depth); });
        std::printf("%d groups in each other, cancelled: %.0f ns a level", depth, found.values[0]);
        small != 0 ? std::printf(", %.1f times that of fewer\n", found.values[0] / small)
                   : std::printf("\n");
        small = found.values[0];
    }
    for (const int depth : {1'000, 5'000}) {
        const Figures found =
            apart([depth](Figures& figures) { figures.values[0] = fail_nested(depth); });
        std::printf("%d groups in each other that fail: %.0f ns a level, %.1f MiB in all\n",
                    depth,
                    found.values[0],
                    found.peak / 1024);
    }
    const Figures text = apart([](Figures& figures) { figures.values[0] = fail_many(10'000); });
    std::printf("10,000 failures of one group: a text of %.0f bytes\n", text.values[0]);
}

void bursts() {
    constexpr int items = 1'000'000;
    const auto show = [](const char* name, Burst (*burst)(int)) {
        const Figures found = apart([burst](Figures& figures) {
            const Burst result = burst(items);
            figures = {{result.nanos, result.peak, result.kept}, 0};
        });
        std::printf("1,000,000 items through %s: %.1f ns each, %.0f KiB at most, %.1f KiB kept\n",
                    name,
                    found.values[0],
                    found.values[1] / 1024,
                    found.values[2] / 1024);
    };
    show("an unbounded queue", queue_burst);
    show("an unbounded channel", channel_burst);
}

void lines() {
    for (const std::size_t length : {20U, 60'000U}) {
        const Figures found =
            apart([length](Figures& figures) { figures.values[0] = idle_reader(400, length); });
        std::printf("a job that waits for a line, after one of %zu bytes: %.0f bytes\n",
                    length,
                    found.values[0]);
    }
}

void accepts() {
    struct Servers {
        const char* what;
        const char* eddy;
        const char* uv;
    };
    for (const Servers& servers : {Servers{"closed by its client", "eddy", "uv"},
                                   Servers{"closed by the server", "eddy-once", "uv-once"}}) {
        for (const int together : {1, 64}) {
            std::vector<double> eddy;
            std::vector<double> ratio;
            for (int round = 0; round < 7; ++round) {
                const double ours = accept_cpu(servers.eddy, 6'400, together);
                eddy.push_back(ours);
                ratio.push_back(ours / accept_cpu(servers.uv, 6'400, together));
            }
            std::sort(eddy.begin(), eddy.end());
            std::sort(ratio.begin(), ratio.end());
            std::printf(
                "a connection of one request, %s, %d at a time: %.1f us of CPU, %.2f of libuv's\n",
                servers.what,
                together,
                eddy[eddy.size() / 2],
                ratio[ratio.size() / 2]);
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    const std::vector<std::string_view> given(arguments + 1, arguments + count);
    std::signal(SIGPIPE, SIG_IGN);
    if (given.size() == 2 && given[0] == "--serve") {
        serve(given[1]);
        return 0;
    }
    if (given.size() == 4 && given[0] == "--load") {
        load(static_cast<std::uint16_t>(std::atoi(arguments[2])),
             std::atoi(arguments[3]),
             std::clamp(std::atoi(arguments[4]), 1, 256));
        return 0;
    }
    struct Section {
        std::string_view name;
        void (*show)();
    };
    const Section all[] = {
        {"trees", trees}, {"bursts", bursts}, {"lines", lines}, {"accept", accepts}};
    if (given.size() == 1 && given[0] == "--help") {
        std::fputs(usage, stdout);
        return bench::finished(0);
    }
    for (const std::string_view name : given) {
        if (std::none_of(std::begin(all), std::end(all), [&](auto& s) { return s.name == name; })) {
            std::fputs(usage, stderr);
            return 2;
        }
    }
    for (const Section& section : all) {
        if (given.empty() || std::count(given.begin(), given.end(), section.name) != 0) {
            section.show();
            std::fflush(stdout);
        }
    }
    return bench::finished(0);
}
