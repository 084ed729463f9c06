// SPDX-License-Identifier: MIT
#include <eddy/detail/silence_limit.hpp>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/peer_watch.hpp>

namespace eddy {

void PeerWatch::leave() noexcept {
    if (limit_ != nullptr) {
        limit_->let_go(*this);
    }
}

void PeerWatch::throw_silent(std::string_view what) const {
    using std::chrono::milliseconds;
    std::string text = std::string(what) + ": the peer was silent";
    if (limit_ != nullptr) {
        const auto limit = std::chrono::ceil<milliseconds>(limit_->limit()).count();
        text += " for ";
        text +=
            limit % 1000 == 0 ? std::to_string(limit / 1000) + " s" : std::to_string(limit) + " ms";
    }
    throw IoError(std::make_error_code(std::errc::timed_out), text);
}

namespace detail {

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
    }
    peer.limit_ = this;
    peer.quiet_since_ = core_->turn_time;
    peer.insert_before(peers_);
    ++references_;
}

void SilenceLimit::let_go(PeerWatch& peer) noexcept {
    peer.unlink_self();
    peer.limit_ = nullptr;
    release();
}

void SilenceLimit::due() noexcept {
    if (!peers_.linked()) {
        return;  // armed again by the next connection
    }
    const TimePoint now = core_->turn_time;
    // Somebody has held the thread: that is not the peers' silence. What they sent meanwhile may
    // not have been read yet.
    const bool late = !core_->clock->is_virtual() && now > after(next_look_, quarter_);
    for (detail::ListLink* link = peers_.next; link != &peers_;) {
        auto& peer = static_cast<PeerWatch&>(*link);
        link = link->next;
        if (late) {
            peer.quiet_since_ = now;
        } else {
            look_at(peer, now);
        }
    }
    next_look_ = after(now, quarter_);
    // Into the place that it has just left: allocates nothing.
    core_->housekeeping.insert(*this, std::min(next_look_, never - Duration(1)));
}

void SilenceLimit::look_at(PeerWatch& peer, TimePoint now) noexcept {
    if (!peer.waits_for_peer() && peer.stopped_ != now) {
        peer.quiet_since_ = now;  // its handler does something else; in this turn it may come back
    }
    const Duration quiet = now - peer.quiet_since_;
    if (quiet < limit_ - quarter_) {
        peer.undelivered_ = 0;
    } else if (quiet < limit_) {
        peer.undelivered_ = peer.undelivered();
    } else if (const std::size_t before = std::exchange(peer.undelivered_, 0);
               before > peer.undelivered()) {
        peer.quiet_since_ = now;  // it takes what the kernel has
    } else {
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

}  // namespace detail
}  // namespace eddy
