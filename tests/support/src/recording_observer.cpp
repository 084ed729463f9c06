// SPDX-License-Identifier: MIT
#include <eddy/testing/recording_observer.hpp>

#include <eddy/exception_group.hpp>

namespace eddy::testing {

void RecordingObserver::failure(const JobInfo& job,
                                std::exception_ptr error,
                                std::string_view where) {
    failures.push_back({std::string(job.name), std::string(where), error, detail::describe(error)});
}

void RecordingObserver::job_left(const JobInfo&, std::string_view backtrace) {
    left.emplace_back(backtrace);
}

void RecordingObserver::job_abandoned(const JobInfo&, std::string_view backtrace) {
    abandoned.emplace_back(backtrace);
}

}  // namespace eddy::testing
