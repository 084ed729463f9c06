// SPDX-License-Identifier: MIT
#include <eddy/require.hpp>

#include <cstdio>
#include <cstdlib>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::detail {

void contract_broken(const char* condition,
                     const char* remedy,
                     const char* file,
                     int line) noexcept {
    const Job* job = thread_state.job;
    std::fprintf(stderr,
                 "eddy: broken contract: %s\n  checked: %s (%s:%d)\n",
                 remedy,
                 condition,
                 file,
                 line);
    if (job != nullptr) {
        std::fprintf(stderr,
                     "  in job #%llu, spawned at %s:%u\n",
                     static_cast<unsigned long long>(job->id),
                     job->spawned.file_name(),
                     static_cast<unsigned>(job->spawned.line()));
    }
    std::abort();
}

}  // namespace eddy::detail
