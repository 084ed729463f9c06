// SPDX-License-Identifier: MIT
#include "net/lookup_table.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::size_t most_in_bucket = 4;  // on average

LookupFlight& flight_at(ListLink& link) noexcept {
    return static_cast<LookupFlight::InTable&>(link).flight;
}

}  // namespace

ListLink& LookupTable::bucket_of(const LookupKey& key) noexcept {
    const HashSecret of_host{sip_hash(key.host, secret_), secret_[1]};
    const std::uint64_t hash = sip_hash(key.service, of_host) + static_cast<unsigned>(key.family);
    return buckets_[hash % buckets_.size()];
}

LookupFlight* LookupTable::find(const LookupKey& key) noexcept {
    const ListLink& bucket = bucket_of(key);
    for (ListLink* link = bucket.next; link != &bucket; link = link->next) {
        if (flight_at(*link).key() == key) {
            return &flight_at(*link);
        }
    }
    return nullptr;
}

void LookupTable::insert(LookupFlight& flight) noexcept {
    if (size_ >= most_in_bucket * buckets_.size()) {
        grow();
    }
    flight.in_table_.insert_before(bucket_of(flight.key()));
    ++size_;
}

void LookupTable::erase(LookupFlight& flight) noexcept {
    if (!flight.in_table_.linked()) {
        return;
    }
    flight.in_table_.unlink_self();
    if (--size_ == 0) {
        buckets_ = first_;
        more_.reset();
    }
}

std::size_t LookupTable::longest_look() const noexcept {
    std::size_t longest = 0;
    for (const ListLink& bucket : buckets_) {
        std::size_t length = 0;
        for (const ListLink* link = bucket.next; link != &bucket; link = link->next) {
            ++length;
        }
        longest = std::max(longest, length);
    }
    return longest;
}

void LookupTable::grow() noexcept {
    const std::size_t count = 4 * buckets_.size();
    std::unique_ptr<ListLink[]> made(new (std::nothrow) ListLink[count]);
    if (made == nullptr) {
        return;
    }
    ListLink all;
    for (ListLink& bucket : buckets_) {
        while (bucket.linked()) {
            ListLink& link = *bucket.next;
            link.unlink_self();
            link.insert_before(all);
        }
    }
    buckets_ = {made.get(), count};
    more_ = std::move(made);
    while (all.linked()) {
        ListLink& link = *all.next;
        link.unlink_self();
        link.insert_before(bucket_of(flight_at(link).key()));
    }
}

}  // namespace eddy::inline v0_1::detail
