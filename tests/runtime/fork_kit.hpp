// SPDX-License-Identifier: MIT
#pragma once

#include <sys/wait.h>
#include <unistd.h>

namespace eddy::testing {

/// How the child ended that `fork_here` has made; the parent waits for it.
inline int fork_here(pid_t& child) {
    child = fork();
    if (child == 0) {
        alarm(60);
        return 0;
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

}  // namespace eddy::testing
