// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class RemoteSum;
}

/// Adds to a `Counter` from any thread.
///
/// The deltas of all threads gather in one sum, which the loop takes as a whole: however many adds
/// there were, that is one wake-up and one change of the counter. Its waiters see sums, then, not
/// single steps. The counter itself is touched on its loop only.
///
///     RemoteCounter done = files.remote();  // on the loop
///     std::thread([done] { ...; done.add(1); });
///
/// An add that returned true is part of exactly one sum, and that sum is applied: before the
/// counter closes, before the loop ends, or with the counter's own end. A sum that would take the
/// counter out of its range is refused as a whole and reported to the loop's observer, with its
/// amount.
///
/// Threading: any thread; copies are independent, and share the sum.
/// Lifetime:  may outlive the counter and the loop.
/// Cost:      `add` is wait-free: a load and one atomic addition, but for the first one after the
///            loop took the sum, which pushes a node into the loop's inbox and wakes it. No
///            allocation. Threads that add all the time share one cache line: give each a sum of
///            its own, and add that now and then, when 20 ns matter.
class EDDY_API RemoteCounter final {
public:
    /// The most that one call adds, either way.
    static constexpr std::int64_t max_delta = std::int64_t{1} << 31U;

    /// What `Counter::remote` calls.
    explicit RemoteCounter(std::shared_ptr<detail::RemoteSum> sum) noexcept
        : sum_(std::move(sum)) {}

    /// Adds `delta`, which may be negative. False: the counter is closed or gone, or its loop is
    /// over, or this is a child that was forked since; nothing was added.
    ///
    /// Throws: `std::invalid_argument` beyond `max_delta`; `std::out_of_range` when 2^60 have
    ///         piled up because the loop does not come round. Nothing was added then.
    // NOLINTNEXTLINE(modernize-use-nodiscard): few can do anything about it
    bool add(detail::Amount delta = 1) const;

    /// True once `add` refuses.
    [[nodiscard]] bool closed() const noexcept;

private:
    std::shared_ptr<detail::RemoteSum> sum_;
};

}  // namespace eddy::inline v0_1
