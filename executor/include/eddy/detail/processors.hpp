// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1::detail {

/// How many processors this process may use at a time, at least 1: those that are online, in its
/// affinity mask, and within the quota of its control groups, those of its ancestors too (Linux:
/// `cpu.max`, and `cpu.cfs_quota_us` of version 1). What cannot be read limits nothing.
///
/// Cost: some files are read; a tenth of a millisecond.
[[nodiscard]] EDDY_API std::size_t usable_processors();

/// `most`, or what the control groups allow if that is less, rounded up. `root` stands before
/// /proc and /sys: for tests.
[[nodiscard]] EDDY_API std::size_t processors_within_quota(const std::string& root,
                                                           std::size_t most);

}  // namespace eddy::inline v0_1::detail
