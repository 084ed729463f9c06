// SPDX-License-Identifier: MIT
#include "offload_notice.hpp"

#include <memory>
#include <utility>

#include <eddy/detail/loop_core.hpp>

namespace eddy::inline v0_1::detail {

OffloadNotice::OffloadNotice(LoopCore& core, const JobInfo& info)
    : core_(core), inbox_(core.inbox), name_(info.name), info_(info) {
    info_.name = name_;
}

void OffloadNotice::send(OffloadNotice& notice) noexcept {
    const std::shared_ptr<Inbox> inbox = std::move(notice.inbox_);
    if (!inbox->push(notice)) {
        delete &notice;
    }
}

void OffloadNotice::deliver() {
    const std::unique_ptr<OffloadNotice> self(this);
    observe_offload(core_, &Observer::offload_started, info_);
}

void observe_offload(LoopCore& core, void (Observer::*hook)(const JobInfo&), const JobInfo& info) {
    core.observe(Observer::offloads, [&](Observer& observer) { (observer.*hook)(info); });
}

}  // namespace eddy::inline v0_1::detail
