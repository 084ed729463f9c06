// SPDX-License-Identifier: MIT
#include "net/lookup_table.hpp"

#include <functional>
#include <string_view>

namespace eddy::inline v0_1::detail {

ListLink& LookupTable::bucket_of(const LookupKey& key) noexcept {
    return buckets_[std::hash<std::string_view>()(key.host) % buckets_.size()];
}

LookupFlight* LookupTable::find(const LookupKey& key) noexcept {
    const ListLink& bucket = bucket_of(key);
    for (ListLink* link = bucket.next; link != &bucket; link = link->next) {
        LookupFlight& flight = static_cast<LookupFlight::InTable&>(*link).flight;
        if (flight.key() == key) {
            return &flight;
        }
    }
    return nullptr;
}

void LookupTable::insert(LookupFlight& flight) noexcept {
    flight.in_table_.insert_before(bucket_of(flight.key()));
}

void LookupTable::erase(LookupFlight& flight) noexcept { flight.in_table_.unlink_self(); }

}  // namespace eddy::inline v0_1::detail
