// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include <eddy/detail/inbox.hpp>
#include <eddy/job_info.hpp>
#include <eddy/observer.hpp>

namespace eddy::inline v0_1::detail {

class LoopCore;

/// Tells a loop's observers that a call has started. Made on the loop, only if one of them asked.
struct OffloadNotice final : InboxNode {
    OffloadNotice(LoopCore& core, const JobInfo& info);

    /// From the worker; on its way through the inbox it owns itself.
    static void send(OffloadNotice& notice) noexcept;
    void deliver() override;

private:
    LoopCore& core_;
    std::shared_ptr<Inbox> inbox_;  // the loop may be over before the call starts
    std::string name_;
    JobInfo info_;  // names name_, not the job, which may be gone by then
};

/// Calls one of the offload hooks for the job.
void observe_offload(LoopCore& core, void (Observer::*hook)(const JobInfo&), const JobInfo& info);

}  // namespace eddy::inline v0_1::detail
