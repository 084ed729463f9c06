// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>
#include <vector>

#include <eddy/observer.hpp>

namespace eddy::testing {

/// Keeps what the loop reports instead of logging it.
class RecordingObserver final : public Observer {
public:
    struct Failure {
        std::string job;    ///< its name
        std::string where;  ///< "detached job"
        std::exception_ptr error;
        std::string message;
    };

    /// Failures nobody collected, in order.
    std::vector<Failure> failures;
    /// The backtraces of jobs that ignored their cancellation.
    std::vector<std::string> abandoned;
    /// Those of handlers that a server has left alone.
    std::vector<std::string> left;

    void failure(const JobInfo& job, std::exception_ptr error, std::string_view where) override;
    void job_left(const JobInfo& job, std::string_view backtrace) override;
    void job_abandoned(const JobInfo& job, std::string_view backtrace) override;
};

}  // namespace eddy::testing
