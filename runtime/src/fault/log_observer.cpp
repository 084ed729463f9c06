// SPDX-License-Identifier: MIT
#include <eddy/log_observer.hpp>

#include <string>

#include <eddy/detail/log.hpp>

namespace eddy::inline v0_1 {

void LogObserver::failure(const JobInfo& job, std::exception_ptr error, std::string_view where) {
    detail::log_failure(job, error, where);
}

void LogObserver::connection_lost(const JobInfo& job, std::exception_ptr error) {
    detail::log_connection_lost(job, error);
}

void LogObserver::job_left(const JobInfo&, std::string_view backtrace) {
    detail::log_warning("left alone, its server has drained and it has not ended: " +
                        std::string(backtrace));
}

void LogObserver::job_abandoned(const JobInfo& job, std::string_view backtrace) {
    const bool destroyed = job.state == JobState::pending || job.state == JobState::cancelling;
    const char* what = destroyed ? "destroyed after its grace period, it ignored its cancellation: "
                       : job.cut_off
                           ? "cut off after its grace period from what it waited for, and ended: "
                           : "ended by itself, but only after its grace period: ";
    detail::log_error(what + std::string(backtrace));
}

}  // namespace eddy::inline v0_1
