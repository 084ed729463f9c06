// SPDX-License-Identifier: MIT
#include <eddy/log_observer.hpp>

#include <string>

#include "log.hpp"

namespace eddy {

void LogObserver::failure(const JobInfo& job, std::exception_ptr error, std::string_view where) {
    detail::log_failure(job, error, where);
}

void LogObserver::job_abandoned(const JobInfo&, std::string_view backtrace) {
    detail::log_error("destroyed after its grace period, it ignored its cancellation: " +
                      std::string(backtrace));
}

}  // namespace eddy
