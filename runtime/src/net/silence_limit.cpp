// SPDX-License-Identifier: MIT
#include <eddy/detail/silence_limit.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <eddy/net/peer_watch.hpp>

namespace eddy::inline v0_1::detail {

SilenceLimit::SilenceLimit(LoopCore& core, Duration limit) noexcept
    : core_(&core),
      limit_(limit),
      quarter_(std::max<Duration>(limit / 4, std::chrono::milliseconds(1))) {
    core.listen_to_close(*this);
}

SilenceLimit::~SilenceLimit() {
    if (core_ != nullptr) {
        core_->forget(*this);
        if (!core_->inherited()) {
            core_->housekeeping.remove(*this);
        }
    }
}

void SilenceLimit::watch(PeerWatch& peer) {
    if (peer.limit_ != nullptr) {
        return;
    }
    if (!armed()) {
        next_look_ = after(core_->turn_time, quarter_);
        core_->housekeeping.insert(*this, std::min(next_look_, never - Duration(1)));
        left_ = 0;
    }
    peer.limit_ = this;
    peer.stirred_ = true;
    peer.insert_before(peers_);
    ++references_;
}

void SilenceLimit::let_go(PeerWatch& peer) noexcept {
    peer.unlink_self();
    peer.limit_ = nullptr;
    release();
}

/// A slice of the peers in a turn, each of which goes to the end of the ring.
void SilenceLimit::due() noexcept {
    constexpr std::size_t slice = 256;
    const TimePoint now = core_->turn_time;
    if (left_ == 0) {
        left_ = references_;
        // Somebody has held the thread: that is not the peers' silence. What they sent meanwhile
        // may not have been read yet.
        late_ = !core_->clock->is_virtual() && now > after(next_look_, quarter_);
        next_look_ = after(now, quarter_);
    }
    for (std::size_t i = 0; i < slice && left_ != 0 && peers_.linked(); ++i, --left_) {
        auto& peer = static_cast<PeerWatch&>(*peers_.next);
        peer.unlink_self();
        peer.insert_before(peers_);
        peer.stirred_ = peer.stirred_ || late_;
        look_at(peer, now);
    }
    if (!peers_.linked()) {
        left_ = 0;
        return;  // armed again by the next connection
    }
    // Into the place that it has just left: allocates nothing.
    core_->housekeeping.insert(*this, left_ != 0 ? now : std::min(next_look_, never - Duration(1)));
}

/// Silence is counted from a look on: so nobody is ended too soon, and nobody needs to know when
/// exactly a byte has moved.
void SilenceLimit::look_at(PeerWatch& peer, TimePoint now) noexcept {
    const bool waits = peer.waits_for_peer() || peer.may_come_back(core_->turn.number());
    const std::size_t before = peer.undelivered_;
    if (peer.stirred_ || before != 0) {  // else there was nothing, and nothing was written since
        peer.undelivered_ = peer.undelivered();
    }
    const bool takes = peer.undelivered_ < before;  // what the kernel has
    const bool rightly = peer.may_be_silent_ && peer.undelivered_ == 0;
    if (std::exchange(peer.stirred_, false) || takes || rightly || !waits) {
        peer.quiet_since_ = now;
    } else if (now - peer.quiet_since_ >= limit_) {
        peer.peer_was_silent();
    }
}

void SilenceLimit::loop_closing() noexcept {
    core_->housekeeping.remove(*this);
    core_ = nullptr;
    std::size_t left = references_;
    while (peers_.linked()) {
        auto& peer = static_cast<PeerWatch&>(*peers_.next);
        peer.unlink_self();
        peer.limit_ = nullptr;
        --left;
    }
    references_ = left;
    if (left == 0) {
        delete this;
    }
}

}  // namespace eddy::inline v0_1::detail
