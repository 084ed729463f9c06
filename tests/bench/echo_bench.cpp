// SPDX-License-Identifier: MIT
// Echo servers under load: Eddy, plain libuv callbacks, Boost.Asio awaitables; requests per second,
// latency, and the server's CPU time for a request. tests/bench/echo_syscalls.sh counts the system
// calls of the same servers.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sched.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "echo_client.hpp"
#include "echo_servers.hpp"
#include "finished.hpp"

namespace {

using namespace bench::echo;

struct Options {
    std::vector<std::size_t> connections{1, 64, 1000};
    double seconds = 1;
    std::size_t rounds = 5;
    std::string serve;       // run this server alone
    std::uint16_t load = 0;  // run the load alone, against this port
    std::uint64_t requests = 0;
};

constexpr const char* usage =
    "usage: echo_bench [--connections N,...] [--seconds S] [--rounds N]\n"
    "       echo_bench --serve eddy|eddy-30s|eddy-500ms|uv|asio    prints its port, runs until "
    "killed\n"
    "       echo_bench --load PORT --connections N --requests N\n";

/// One figure of one server, over the rounds.
struct Figures {
    std::vector<double> rate;
    std::vector<double> p50;
    std::vector<double> p99;
    std::vector<double> cpu;  // microseconds for a request
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

void pin(std::size_t cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);  // on one processor: fails, and does not matter
}

int port_pipe = -1;

void announce_to_pipe(std::uint16_t port) {
    if (write(port_pipe, &port, sizeof port) != sizeof port) {
        std::abort();
    }
}

void announce_to_output(std::uint16_t port) {
    std::printf("%u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
}

double cpu_seconds(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void measure(const Server& server, std::size_t connections, double seconds, Figures& figures) {
    int ends[2];
    require(pipe(ends) == 0, "pipe");
    const pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        close(ends[0]);
        port_pipe = ends[1];
        pin(0);
        server.serve(announce_to_pipe);
        _exit(0);
    }
    close(ends[1]);
    std::uint16_t port = 0;
    require(read(ends[0], &port, sizeof port) == sizeof port, "the server's port");
    close(ends[0]);
    clockid_t clock = 0;
    require(clock_getcpuclockid(child, &clock) == 0, "clock_getcpuclockid");
    {
        Load load(port, connections);
        static_cast<void>(load.run(UINT64_MAX, std::chrono::duration<double>(seconds / 10)));
        const double before = cpu_seconds(clock);
        const LoadResult result = load.run(UINT64_MAX, std::chrono::duration<double>(seconds));
        const double cpu = cpu_seconds(clock) - before;
        const auto requests = static_cast<double>(result.requests);
        figures.rate.push_back(requests / result.seconds);
        figures.p50.push_back(result.p50_us);
        figures.p99.push_back(result.p99_us);
        figures.cpu.push_back(cpu * 1e6 / requests);
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

void compare(const Options& options) {
    pin(1);
    std::printf("%-12s %-6s %12s %9s %9s %14s %10s\n",
                "connections",
                "server",
                "requests/s",
                "p50 us",
                "p99 us",
                "CPU us/request",
                "CPU/uv");
    for (const std::size_t connections : options.connections) {
        std::vector<Figures> figures(std::size(servers));
        for (std::size_t round = 0; round < options.rounds; ++round) {
            for (std::size_t i = 0; i < std::size(servers); ++i) {
                measure(servers[i], connections, options.seconds, figures[i]);
            }
        }
        for (std::size_t i = 0; i < std::size(servers); ++i) {
            std::vector<double> ratios;  // within each round: drift hits both alike
            for (std::size_t round = 0; round < options.rounds; ++round) {
                ratios.push_back(figures[i].cpu[round] / figures[1].cpu[round]);
            }
            const Figures& f = figures[i];
            std::printf("%-12zu %-6s %12.0f %9.1f %9.1f %14.2f %10.2f\n",
                        connections,
                        std::string(servers[i].name).c_str(),
                        median(f.rate),
                        median(f.p50),
                        median(f.p99),
                        median(f.cpu),
                        median(ratios));
            std::fflush(stdout);
        }
    }
}

template <class Number>
bool parse(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && out > 0;
}

bool parse_list(std::string_view text, std::vector<std::size_t>& out) {
    out.clear();
    while (true) {
        const std::size_t comma = text.find(',');
        std::size_t value = 0;
        if (!parse(text.substr(0, comma), value)) {
            return false;
        }
        out.push_back(value);
        if (comma == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(comma + 1);
    }
}

bool parse_option(std::string_view name, std::string_view value, Options& options) {
    if (name == "--connections") {
        return parse_list(value, options.connections);
    }
    if (name == "--seconds") {
        return parse(value, options.seconds);
    }
    if (name == "--rounds") {
        return parse(value, options.rounds);
    }
    if (name == "--requests") {
        return parse(value, options.requests);
    }
    if (name == "--load") {
        return parse(value, options.load);
    }
    options.serve = value;
    return name == "--serve";
}

/// True: it was one of them, and has ended.
bool serve_one_of(std::span<const Server> some, std::string_view name) {
    for (const Server& server : some) {
        if (server.name == name) {
            server.serve(announce_to_output);
            return true;
        }
    }
    return false;
}

int serve_alone(std::string_view name) {
    if (serve_one_of(servers, name) || serve_one_of(limited_servers, name)) {
        return 0;
    }
    std::fputs(usage, stderr);
    return 2;
}

}  // namespace

int main(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; i += 2) {
        if (std::string_view(arguments[i]) == "--help") {
            std::fputs(usage, stdout);
            return bench::finished(0);
        }
        if (i + 1 == count || !parse_option(arguments[i], arguments[i + 1], options)) {
            std::fputs(usage, stderr);
            return 2;
        }
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (!options.serve.empty()) {
        return serve_alone(options.serve);
    }
    if (options.load != 0) {
        Load load(options.load, options.connections.front());
        const LoadResult result = load.run(options.requests, std::chrono::hours(1));
        std::printf("%llu\n", static_cast<unsigned long long>(result.requests));
        return bench::finished(0);
    }
    compare(options);
    return bench::finished(0);
}
