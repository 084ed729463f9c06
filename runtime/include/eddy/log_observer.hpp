// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/observer.hpp>

namespace eddy {

/// The default observer: logs what nobody else would hear of through spdlog, logger "eddy".
///
/// Register your own logger of that name before the first loop to redirect or silence it.
class LogObserver final : public Observer {
public:
    void failure(const JobInfo& job, std::exception_ptr error, std::string_view where) override;
    void job_left(const JobInfo& job, std::string_view backtrace) override;
    void job_abandoned(const JobInfo& job, std::string_view backtrace) override;
};

}  // namespace eddy
