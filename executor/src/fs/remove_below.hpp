// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "fs/directory_reader.hpp"

namespace eddy::inline v0_1::detail {

/// Removes what has that name, and if that is a directory, all that is in it; how many that were. 0
/// if there is none. No link is followed, but for those in the path before the name. Blocks.
///
/// Throws: `IoError`, "remove PATH: ..." or "read PATH: ...", at the first that cannot be removed;
///         `CallStopped`; `std::bad_alloc`. What was removed before is gone.
std::uint64_t remove_below(const std::string& path, Stops stops = Stops::never);

}  // namespace eddy::inline v0_1::detail
