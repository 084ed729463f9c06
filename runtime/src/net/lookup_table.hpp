// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>

#include <eddy/detail/list_link.hpp>

#include "net/lookup_flight.hpp"

namespace eddy::inline v0_1::detail {

/// The flights that can be joined, by what they ask: one of each at most.
///
/// It needs no memory, so that entering cannot fail. Its buckets are for the flights that a busy
/// program has; with more, a look takes as much longer.
///
/// Threading: under the lock of `LookupThreads`.
class LookupTable final {
public:
    LookupTable() = default;
    LookupTable(const LookupTable&) = delete;
    LookupTable& operator=(const LookupTable&) = delete;

    /// Null: there is none.
    [[nodiscard]] LookupFlight* find(const LookupKey& key) noexcept;
    /// Requires: none that asks the same is in it.
    void insert(LookupFlight& flight) noexcept;
    /// Does nothing to one that is not in it.
    static void erase(LookupFlight& flight) noexcept;

private:
    [[nodiscard]] ListLink& bucket_of(const LookupKey& key) noexcept;

    std::array<ListLink, 256> buckets_;
};

}  // namespace eddy::inline v0_1::detail
