// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include <eddy/detail/list_link.hpp>

#include "base/sip_hash.hpp"
#include "net/lookup_flight.hpp"

namespace eddy::inline v0_1::detail {

/// The flights that can be joined, by what they ask: one of each at most.
///
/// Entering cannot fail. The buckets are for what a busy program has; with more flights there are
/// more of them, as long as there are those flights and there is memory. Without, a look takes
/// longer. Names come from anybody: which of them share a bucket is a secret of the table.
///
/// Threading: under the lock of `LookupThreads`.
class LookupTable final {
public:
    /// Throws what `std::random_device` does.
    LookupTable() = default;
    LookupTable(const LookupTable&) = delete;
    LookupTable& operator=(const LookupTable&) = delete;

    /// Null: there is none.
    [[nodiscard]] LookupFlight* find(const LookupKey& key) noexcept;
    /// Requires: none that asks the same is in it.
    void insert(LookupFlight& flight) noexcept;
    /// Does nothing to one that is not in it.
    void erase(LookupFlight& flight) noexcept;

    /// The most flights that one look may pass, of all looks there are.
    [[nodiscard]] std::size_t longest_look() const noexcept;

private:
    [[nodiscard]] ListLink& bucket_of(const LookupKey& key) noexcept;
    void grow() noexcept;

    // Invariant: buckets_ is more_, if there is that; an empty table has none.
    const HashSecret secret_ = make_hash_secret();
    std::array<ListLink, 256> first_;
    std::unique_ptr<ListLink[]> more_;
    std::span<ListLink> buckets_ = first_;
    std::size_t size_ = 0;
};

}  // namespace eddy::inline v0_1::detail
