// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <ostream>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "tick.hpp"

/// Rows of the responsiveness program: who is measured, what is wanted, how it is shown.
namespace bench::responsive {

inline constexpr double never = std::numeric_limits<double>::infinity();

/// What one contender of a row gave. Made in a process of its own, so without pointers.
struct Figures {
    Quantiles bare{};  ///< wall time, of the same loop without the load, just before
    Quantiles wall{};
    Quantiles cpu{};
    double extra[2] = {};  ///< what the row says
    bool ended = false;    ///< within the time it was given
};

using Value = double (*)(const Figures&);

[[nodiscard]] inline double wall_p50(const Figures& of) { return of.wall.p50; }
[[nodiscard]] inline double cpu_p99(const Figures& of) { return of.cpu.p99; }
[[nodiscard]] inline double cpu_max(const Figures& of) { return of.cpu.max; }
[[nodiscard]] inline double first_extra(const Figures& of) { return of.extra[0]; }

struct Contender {
    std::string name;
    Figures (*measure)(double seconds);
};

/// Our value is to be at most `limit`; with a peer, at most `limit` above the peer's.
struct Limit {
    std::string text;
    Value value = nullptr;
    double limit = 0;
    std::string peer;
};

struct Row {
    std::string name;
    std::string title;
    std::vector<Contender> contenders;  ///< the first is ours
    std::vector<Limit> limits;
    std::vector<std::string> extras;  ///< what `Figures::extra` is, with the unit
    double time_limit = 60;           ///< seconds, after which it counts as never ended
};

struct Verdict {
    std::string text;
    double value = 0;
    bool met = false;
};

struct Result {
    const Row* row = nullptr;
    std::vector<Figures> figures;  // as the row's contenders
    std::vector<Verdict> verdicts;
};

/// Runs a measurement in a child, which shares nothing with the others and can be given up.
[[nodiscard]] inline Figures in_child(const Contender& contender,
                                      double seconds,
                                      double time_limit) {
    int ends[2];
    if (pipe(ends) != 0) {
        std::abort();
    }
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);  // our own loop reports the job that ignores its end
        dup2(nowhere, STDERR_FILENO);
        Figures figures = contender.measure(seconds);
        figures.ended = true;
        const ssize_t written = write(ends[1], &figures, sizeof figures);
        _exit(written == static_cast<ssize_t>(sizeof figures) ? 0 : 1);
    }
    close(ends[1]);
    pollfd answer{.fd = ends[0], .events = POLLIN, .revents = 0};
    Figures figures;
    const bool answered =
        poll(&answer, 1, static_cast<int>(time_limit * 1000)) == 1 &&
        read(ends[0], &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures);
    if (!answered) {
        kill(child, SIGKILL);
        const Quantiles none{never, never, never, never, 0};
        figures = {.bare = {}, .wall = none, .cpu = none, .extra = {never, never}, .ended = false};
    }
    close(ends[0]);
    waitpid(child, nullptr, 0);
    return figures;
}

[[nodiscard]] inline Result measure(const Row& row, double seconds) {
    Result result{.row = &row, .figures = {}, .verdicts = {}};
    for (const Contender& contender : row.contenders) {
        result.figures.push_back(in_child(contender, seconds, row.time_limit));
    }
    for (const Limit& limit : row.limits) {
        double value = limit.value(result.figures.front());
        for (std::size_t i = 0; i < row.contenders.size(); ++i) {
            if (!limit.peer.empty() && row.contenders[i].name == limit.peer) {
                value -= limit.value(result.figures[i]);
            }
        }
        result.verdicts.push_back({limit.text, value, value <= limit.limit});
    }
    return result;
}

// --- how it is shown ---------------------------------------------------------------------------

namespace detail {

[[nodiscard]] inline std::string number(double value) {
    if (std::isnan(value)) {
        return "neither";  // of two that never ended
    }
    if (std::isinf(value)) {
        return value > 0 ? "never" : "peer never";
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
    return text;
}

[[nodiscard]] inline std::string json_number(double value) {
    return std::isfinite(value) ? std::to_string(value) : "null";
}

inline void print_quantiles(const Quantiles& of) {
    if (of.count == 0) {
        std::printf(" | %8s %8s %8s", "-", "-", "-");
    } else {
        std::printf(" | %8s %8s %8s",
                    number(of.p50).c_str(),
                    number(of.p99).c_str(),
                    number(of.max).c_str());
    }
}

inline void write_quantiles(std::ostream& out, const char* name, const Quantiles& of) {
    out << ", \"" << name << "\": {\"p50\": " << json_number(of.p50)
        << ", \"p99\": " << json_number(of.p99) << ", \"p999\": " << json_number(of.p999)
        << ", \"max\": " << json_number(of.max) << ", \"count\": " << of.count << "}";
}

}  // namespace detail

inline void print_header() {
    std::printf(
        "lateness in microseconds; bare: without the load, just before; CPU: the loop's\n\n");
    std::printf("%-14s | %26s | %26s | %26s\n", "", "bare, wall", "wall", "CPU");
    std::printf("%-14s", "");
    for (int i = 0; i < 3; ++i) {
        std::printf(" | %8s %8s %8s", "p50", "p99", "max");
    }
    std::printf("\n");
}

inline void print(const Result& result) {
    const Row& row = *result.row;
    std::printf("\n%s: %s\n", row.name.c_str(), row.title.c_str());
    for (std::size_t i = 0; i < row.contenders.size(); ++i) {
        const Figures& figures = result.figures[i];
        std::printf("%-14s", row.contenders[i].name.c_str());
        detail::print_quantiles(figures.bare);
        detail::print_quantiles(figures.wall);
        detail::print_quantiles(figures.cpu);
        for (std::size_t k = 0; k < row.extras.size(); ++k) {
            std::printf("%s %s %s",
                        k == 0 ? " |" : ",",
                        row.extras[k].c_str(),
                        detail::number(figures.extra[k]).c_str());
        }
        std::printf("%s\n", figures.ended ? "" : " | did not end");
    }
    for (const Verdict& verdict : result.verdicts) {
        std::printf("  %-34s %10s  %s\n",
                    verdict.text.c_str(),
                    detail::number(verdict.value).c_str(),
                    verdict.met ? "met" : "MISSED");
    }
    std::fflush(stdout);
}

inline void print_summary(const std::vector<Result>& results) {
    std::size_t limits = 0;
    std::size_t missed = 0;
    std::string names;
    for (const Result& result : results) {
        for (const Verdict& verdict : result.verdicts) {
            ++limits;
            if (!verdict.met) {
                ++missed;
                names += "\n  " + result.row->name + ": " + verdict.text + ": " +
                         detail::number(verdict.value);
            }
        }
    }
    std::printf("\n%zu limits, %zu missed%s\n", limits, missed, names.c_str());
}

/// One object per row; microseconds, `null` for never. Names are ours and need no escaping.
inline void write_json(std::ostream& out, const std::vector<Result>& results, double seconds) {
    out << "{\n  \"seconds\": " << seconds << ",\n  \"rows\": [";
    const char* row_separator = "\n";
    for (const Result& result : results) {
        const Row& row = *result.row;
        out << row_separator << "    {\"name\": \"" << row.name << "\", \"title\": \"" << row.title
            << "\",\n     \"contenders\": [";
        row_separator = ",\n";
        const char* separator = "\n";
        for (std::size_t i = 0; i < row.contenders.size(); ++i) {
            const Figures& figures = result.figures[i];
            out << separator << "       {\"name\": \"" << row.contenders[i].name
                << "\", \"ended\": " << (figures.ended ? "true" : "false");
            detail::write_quantiles(out, "bare", figures.bare);
            detail::write_quantiles(out, "wall", figures.wall);
            detail::write_quantiles(out, "cpu", figures.cpu);
            for (std::size_t k = 0; k < row.extras.size(); ++k) {
                out << ", \"" << row.extras[k] << "\": " << detail::json_number(figures.extra[k]);
            }
            out << "}";
            separator = ",\n";
        }
        out << "],\n     \"limits\": [";
        separator = "\n";
        for (const Verdict& verdict : result.verdicts) {
            out << separator << "       {\"limit\": \"" << verdict.text
                << "\", \"value\": " << detail::json_number(verdict.value)
                << ", \"met\": " << (verdict.met ? "true" : "false") << "}";
            separator = ",\n";
        }
        out << "]}";
    }
    out << "\n  ]\n}\n";
}

}  // namespace bench::responsive
