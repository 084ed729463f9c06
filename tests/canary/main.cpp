// SPDX-License-Identifier: MIT
// Runs every case in processes of its own and prints one line per case.
//
//     canary            all cases
//     canary <name>...  these cases only, with the children's stderr shown
//
// Exit status 0: every pattern that Eddy relies on works with this compiler.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.hpp"

namespace canary {
namespace {

#if defined(__clang__)
constexpr bool is_gnu = false;
#elif defined(__GNUC__)
constexpr bool is_gnu = true;
#else
constexpr bool is_gnu = false;
#endif
#if defined(__VERSION__)
constexpr const char* compiler = __VERSION__;
#else
constexpr const char* compiler = "unknown compiler";
#endif
#if defined(__GNUC__)
constexpr bool has_listed_faults = is_gnu && __GNUC__ < 13;
#else
constexpr bool has_listed_faults = false;
#endif

enum Verdict : int {
    ok = 0,
    wrong_value = 10,
    stuck,
    threw,
    double_destroy,
    use_after_destroy,
    built_twice,
    leak,
    no_such_point,
};

const char* describe(int verdict) {
    switch (verdict) {
        case ok:
            return "ok";
        case wrong_value:
            return "wrong value";
        case stuck:
            return "stuck";
        case threw:
            return "exception";
        case double_destroy:
            return "destroyed twice";
        case use_after_destroy:
            return "used after destruction";
        case built_twice:
            return "built twice";
        case leak:
            return "leak";
        default:
            return "?";
    }
}

/// Runs the case here, and destroys it before its `destroy_at`-th resumption
/// (-1: never).
int run_here(const Case& subject, bool suspending, int destroy_at) {
    constexpr int max_resumptions = 1000;
    run.suspending = suspending;
    int verdict = ok;
    {
        std::optional<Task<int>> task(subject.make());
        task->start();
        int resumptions = 0;
        while (run.pending && resumptions != destroy_at && resumptions != max_resumptions) {
            ++resumptions;
            std::exchange(run.pending, {}).resume();
        }
        if (destroy_at >= 0) {
            if (!run.pending) return no_such_point;
        } else if (!task->done()) {
            return stuck;
        } else {
            try {
                if (task->result() != subject.value) verdict = wrong_value;
            } catch (...) {
                verdict = threw;
            }
        }
    }
    if (run.faults.double_destroy) return double_destroy;
    if (run.faults.use_after_destroy) return use_after_destroy;
    if (run.faults.built_twice) return built_twice;
    if (!run.live.empty()) return leak;
    return verdict;
}

void limit_this_process(bool quiet) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // CPU time, so that a busy machine fails no case; wall time as a last resort.
    const itimerval half_second{{0, 0}, {0, 500000}};
    setitimer(ITIMER_VIRTUAL, &half_second, nullptr);
    alarm(20);
    if (quiet) {
        const int null = open("/dev/null", O_WRONLY);
        if (null >= 0) dup2(null, STDERR_FILENO);
    }
}

/// The verdict in words; empty when the case has no such suspension point.
std::optional<std::string> run_in_child(const Case& subject,
                                        bool suspending,
                                        int destroy_at,
                                        bool quiet) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) return "fork failed";
    if (child == 0) {
        limit_this_process(quiet);
        _exit(run_here(subject, suspending, destroy_at));
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) return "waitpid failed";
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        if (signal == SIGVTALRM || signal == SIGALRM) return "hangs";
        return std::string("killed, ") + strsignal(signal);
    }
    if (WEXITSTATUS(status) == no_such_point) return std::nullopt;
    return describe(WEXITSTATUS(status));
}

/// Empty when every run of the case was fine.
std::string run_case(const Case& subject, bool quiet) {
    std::string faults;
    const auto note = [&](const std::string& mode, const std::string& what) {
        if (what != "ok") faults += (faults.empty() ? "" : "; ") + mode + ": " + what;
        return what == "ok";
    };
    note("ready", run_in_child(subject, false, -1, quiet).value_or("?"));
    note("suspending", run_in_child(subject, true, -1, quiet).value_or("?"));
    constexpr int max_points = 20;
    for (int point = 0; point < max_points; ++point) {
        const auto what = run_in_child(subject, true, point, quiet);
        if (!what || !note("destroyed at " + std::to_string(point + 1), *what)) break;
    }
    return faults;
}

bool must_work(Expect expect) {
    switch (expect) {
        case Expect::required:
            return true;
        case Expect::guarded:
            return !has_listed_faults;
        case Expect::listed:
        case Expect::watched:
            return !is_gnu;
    }
    return true;
}

const char* describe(Expect expect) {
    switch (expect) {
        case Expect::required:
            return "required";
        case Expect::guarded:
            return "guarded";
        case Expect::listed:
            return "listed";
        case Expect::watched:
            return "watched";
    }
    return "?";
}

int run_all(const std::vector<std::string_view>& only) {
    int failed = 0;
    int faulty = 0;
    std::vector<std::string> working;  // listed faults that this compiler does not have
    std::printf("compiler: %s%s\n", is_gnu ? "g++ " : "", compiler);
    for (const Case* subject : Case::all()) {
        if (!only.empty() && std::ranges::find(only, subject->name) == only.end()) continue;
        const std::string faults = run_case(*subject, only.empty());
        const bool failure = !faults.empty() && must_work(subject->expect);
        std::printf("%-4s %-8s %-3s %-36s %s\n",
                    faults.empty() ? "ok" : "bad",
                    describe(subject->expect),
                    subject->fault,
                    subject->name,
                    faults.c_str());
        if (failure) {
            std::printf("     ^ FAILED: Eddy relies on this pattern with this compiler\n");
            ++failed;
        } else if (!faults.empty()) {
            ++faulty;
        } else if (has_listed_faults &&
                   (subject->expect == Expect::listed || subject->expect == Expect::guarded)) {
            working.emplace_back(subject->name);
        }
    }
    std::printf(
        "\n%zu cases, %d known faults present, %d failed\n", Case::all().size(), faulty, failed);
    for (const std::string& name : working) {
        std::printf("the list can shrink: %s works with this compiler\n", name.c_str());
    }
    if (faulty > 0 && !has_listed_faults) {
        std::printf(
            "this compiler has faults that were known of g++ 12 only: see the list above\n");
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace canary

int main(int argc, char** argv) {
    return canary::run_all(std::vector<std::string_view>(argv + 1, argv + argc));
}
