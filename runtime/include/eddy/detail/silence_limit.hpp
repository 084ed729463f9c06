// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/time.hpp>

namespace eddy {
class PeerWatch;
}

namespace eddy::detail {

/// Ends connections whose peers are silent: looks at all of them every quarter of the limit, so
/// that each end comes between the limit and a quarter more.
///
/// The looks are housekeeping: virtual time does not move for them.
///
/// Counted, on the loop's thread: one reference is its maker's, each connection has one, wherever
/// it has been moved to.
/// Cost: 10,000 connections are less than a millisecond every quarter; nothing without connections.
class SilenceLimit final : private DeadlineNode, private CloseListener {
public:
    /// Requires: above zero.
    SilenceLimit(LoopCore& core, Duration limit) noexcept;
    SilenceLimit(const SilenceLimit&) = delete;
    SilenceLimit& operator=(const SilenceLimit&) = delete;

    /// Until it is closed. Does nothing to one that has a limit already.
    ///
    /// Throws: `std::bad_alloc`; it is not watched then.
    void watch(PeerWatch& peer);

    [[nodiscard]] Duration limit() const noexcept { return limit_; }
    /// Requires: connections; they are let go of before the loop is.
    [[nodiscard]] TimePoint turn_time() const noexcept { return core_->turn_time; }

    void release() noexcept {
        if (--references_ == 0) {
            delete this;
        }
    }

private:
    friend class eddy::PeerWatch;

    ~SilenceLimit() override;
    void due() noexcept override;
    void loop_closing() noexcept override;
    void look_at(PeerWatch& peer, TimePoint now) noexcept;
    void let_go(PeerWatch& peer) noexcept;

    LoopCore* core_;  // null once the loop is over
    const Duration limit_;
    const Duration quarter_;
    TimePoint next_look_{};
    std::size_t references_ = 1;
    detail::ListLink peers_;
};

}  // namespace eddy::detail
