// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/inbox.hpp>

namespace eddy::inline v0_1::detail {

/// A node that others share, and that keeps itself alive while it is on its way to its loop.
///
/// | field | who                                                                  |
/// |-------|----------------------------------------------------------------------|
/// | self_ | whoever sends, then the loop's thread: the inbox orders the two      |
///
/// Requires: sent again only when it has arrived.
class EDDY_VISIBLE SharedNode : public InboxNode {
protected:
    SharedNode() = default;
    ~SharedNode() override = default;

    /// Any thread. False: refused, and not kept any longer; `self` may have been the last.
    bool send(Inbox& inbox, std::shared_ptr<void> self) noexcept {
        self_ = std::move(self);
        if (inbox.push(*this)) {
            return true;  // it may be gone already
        }
        const std::shared_ptr<void> refused = std::move(self_);
        return false;
    }

    /// On the loop's thread. It may be sent again from now on.
    virtual void node_arrived() = 0;

private:
    void deliver() final {
        const std::shared_ptr<void> kept = std::move(self_);
        node_arrived();
    }

    std::shared_ptr<void> self_;
};

}  // namespace eddy::inline v0_1::detail
