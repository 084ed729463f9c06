// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/time.hpp>

namespace eddy::inline v0_1 {
class PeerWatch;
}

namespace eddy::inline v0_1::detail {

/// Ends connections whose peers are silent: looks at all of them every quarter of the limit, so
/// that each end comes between the limit and a quarter more.
///
/// The looks are housekeeping: virtual time does not move for them.
///
/// Counted, on the loop's thread: one reference is its maker's, each connection has one, wherever
/// it has been moved to.
/// Cost: a few nanoseconds a connection every quarter, and a system call if it has been busy; 256
///       of them in a turn. Nothing without connections.
class EDDY_API SilenceLimit final : private DeadlineNode, private CloseListener {
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
    /// Requires: connections; they are closed before the loop is over.
    [[nodiscard]] std::uint64_t turn_number() const noexcept { return core_->turn.number(); }

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
    bool late_ = false;     // this round of looks is
    std::size_t left_ = 0;  // of it: peers, or more
    std::size_t references_ = 1;
    detail::ListLink peers_;
};

}  // namespace eddy::inline v0_1::detail
