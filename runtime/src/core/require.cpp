// SPDX-License-Identifier: MIT
#include <eddy/require.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include <eddy/detail/job.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1::detail {

namespace {

constinit std::atomic<bool> left_behind{false};

}  // namespace

bool guest_left_behind() noexcept { return left_behind.load(std::memory_order_relaxed); }
void note_left_behind() noexcept { left_behind.store(true, std::memory_order_relaxed); }

void contract_broken(const char* condition,
                     const char* remedy,
                     const char* file,
                     int line) noexcept {
    const Job* job = thread_state.job;
    char text[4096];  // nothing that could fail, and a full pipe must not keep it from ending
    const int length = std::snprintf(text,
                                     sizeof text,
                                     "eddy: broken contract: %s\n  checked: %s (%s:%d)",
                                     remedy,
                                     condition,
                                     file,
                                     line);
    const auto used = static_cast<std::size_t>(std::max(length, 0));
    if (job != nullptr && used < sizeof text) {
        std::snprintf(text + used,
                      sizeof text - used,
                      "\n  in job #%llu, spawned at %s:%u",
                      static_cast<unsigned long long>(job->id),
                      job->spawned.file_name(),
                      static_cast<unsigned>(job->spawned.line()));
    }
    say_on_stderr(text);
    std::abort();
}

}  // namespace eddy::inline v0_1::detail
