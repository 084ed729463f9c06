// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <cstddef>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

// The thread sanitizer supports no threads in a child of a process that has some.
#if defined(__SANITIZE_THREAD__)
#define EDDY_NO_FORK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDDY_NO_FORK 1
#endif
#endif

// The address sanitizer's allocator does not hold its locks over a fork: a child may find one taken
// by a thread that it has not got.
#define EDDY_FORKS_AMONG_THREADS 1
#if defined(__SANITIZE_ADDRESS__)
#undef EDDY_FORKS_AMONG_THREADS
#define EDDY_FORKS_AMONG_THREADS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef EDDY_FORKS_AMONG_THREADS
#define EDDY_FORKS_AMONG_THREADS 0
#endif
#endif

namespace eddy::testing {

/// How a child process ended, and what it wrote to its standard error.
struct ChildResult {
    int exit_code = -1;  ///< -1 when a signal ended it
    int signal = 0;
    std::string errors;
};

/// Runs `body`, which returns the exit code, in a forked child: for what ends a process, changes it
/// for good, or needs a second one. 90 is an exception, 120 s the longest it may take.
template <class Body>
ChildResult run_in_child(Body&& body) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) {
        return {};
    }
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        for (const int number : {SIGABRT, SIGINT, SIGTERM, SIGSEGV}) {
            signal(number, SIG_DFL);  // the test framework reports them
        }
        close(ends[0]);
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        int code = 90;
        try {
            code = body();
        } catch (...) {  // it is the parent that reports
        }
        _exit(code);  // runs nothing that belongs to the parent
    }
    close(ends[1]);
    ChildResult result;
    char buffer[4096];
    ssize_t length = 0;
    while ((length = read(ends[0], buffer, sizeof buffer)) > 0) {
        result.errors.append(buffer, static_cast<std::size_t>(length));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
        result.exit_code = WEXITSTATUS(status);
    } else if (WIFSIGNALED(status)) {
        result.signal = WTERMSIG(status);
    }
    return result;
}

}  // namespace eddy::testing
