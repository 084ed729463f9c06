// SPDX-License-Identifier: MIT
#include "fault/log_rate.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace eddy::inline v0_1::detail {

LogRate::Place* LogRate::find(std::uint64_t key) noexcept {
    Place* const end = places_ + last;
    Place* const found =
        std::find_if(places_, end, [key](const Place& place) { return place.key == key; });
    return found != end ? found : nullptr;
}

/// The place of one that has been silent for a second, if there is any.
LogRate::Place& LogRate::settle(std::uint64_t key, Time now) noexcept {
    for (std::size_t i = 0; i < last; ++i) {
        Place& place = places_[i];
        const bool silent =
            place.key == 0 ||
            (place.unsaid == 0 && now - place.said[(place.next + most - 1) % most] >= period);
        if (silent) {
            place = Place{};
            place.key = key;
            return place;
        }
    }
    std::snprintf(places_[last].label, sizeof places_[last].label, "%s", "of other kinds");
    return places_[last];
}

bool LogRate::count(Place& place, const LogKind& kind, Time now) noexcept {
    const unsigned limit = std::min(kind.most, most);
    // The one that was said `limit` before this one has to be a second ago.
    const Time before = place.said[(place.next + most - limit) % most];
    if (place.count < limit || now - before >= period) {
        place.said[place.next] = now;
        place.next = (place.next + 1) % most;
        place.count = std::min(place.count + 1, most);
        return true;
    }
    if (place.unsaid++ == 0) {
        place.first_unsaid = now;
        place.level = kind.level;
        ++unsaid_;
    }
    place.level = std::max(place.level, kind.level);
    return false;
}

bool LogRate::take(Time now, bool all, Rest& rest) noexcept {
    if (unsaid_ == 0) {
        return false;
    }
    for (Place& place : places_) {
        if (place.unsaid != 0 && (all || now - place.first_unsaid >= period)) {
            rest.count = place.unsaid;
            rest.level = place.level;
            std::memcpy(rest.label, place.label, sizeof rest.label);
            place.unsaid = 0;
            --unsaid_;
            return true;
        }
    }
    return false;
}

bool LogRate::due(Time now) const noexcept {
    return unsaid_ != 0 && std::any_of(places_, places_ + last + 1, [now](const Place& place) {
               return place.unsaid != 0 && now - place.first_unsaid >= period;
           });
}

void LogRate::forget() noexcept {
    for (Place& place : places_) {
        place = Place();
    }
    unsaid_ = 0;
}

}  // namespace eddy::inline v0_1::detail
