// SPDX-License-Identifier: MIT
#include <eddy/detail/channel_core.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

void ChannelCore::require_here() const noexcept {
    EDDY_REQUIRE(bound_.here(),
                 "a channel's handle or slot was destroyed on another thread than its "
                 "loop's: destroy it there, or use open_remote_channel");
}

void ChannelCore::shut(Handle handle) noexcept {
    open_.erase(std::lower_bound(open_.begin(), open_.end(), handle));
    if (open_.capacity() > 1024 && open_.size() < open_.capacity() / 8) {  // after a crowd
        try {
            std::vector<Handle> fewer;
            fewer.reserve(open_.size() * 2);
            fewer.assign(open_.begin(), open_.end());
            open_.swap(fewer);
        } catch (...) {  // no memory for fewer: it stays
        }
    }
}

void ChannelCore::close_sender(Handle handle) noexcept {
    shut(handle);
    end_through(givers_, handle, End::closed);
    if (--senders_ == 0) {
        end_if_nothing_can_come();
    }
}

bool ChannelCore::close_receiver(Handle handle) noexcept {
    shut(handle);
    end_through(takers_, handle, End::closed);
    if (--receivers_ != 0) {
        return false;
    }
    end_all(givers_, End::broken);
    return true;
}

void ChannelCore::end_if_nothing_can_come() noexcept {
    if (ended()) {
        end_all(takers_, End::drained);
    }
}

void ChannelCore::check_reserve(Handle handle, const char* what) const {
    check_sender(handle, what);
    if (capacity_ == 0) {
        throw InvalidState(std::string(what) +
                           ": a channel of capacity 0 has no room to reserve; open it with room "
                           "for at least one item");
    }
}

void ChannelCore::throw_closed(const char* what) {
    throw ClosedResource(std::string(what) + ": this handle has been closed; keep a copy to go on");
}

void ChannelCore::throw_broken(const char* what) {
    throw BrokenResource(std::string(what) + ": no receiver is left; nothing was sent");
}

void ChannelCore::throw_ended(const char* what) {
    throw EndOfStream(std::string(what) + ": no sender is left and everything has been received");
}

void ChannelCore::throw_unsent(ExchangeWait::End end, const char* what) {
    if (end == ExchangeWait::End::broken) {
        throw_broken(what);
    }
    throw_closed(what);
}

ChannelStatistics ChannelCore::statistics_of(std::size_t buffered) const {
    return {.capacity = capacity_,
            .buffered = buffered,
            .reserved = reserved_,
            .senders = senders_,
            .receivers = receivers_,
            .waiting_to_send = givers_.size(),
            .waiting_to_receive = takers_.size()};
}

}  // namespace eddy::inline v0_1::detail
