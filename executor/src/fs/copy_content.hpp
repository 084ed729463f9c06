// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <sys/stat.h>

namespace eddy::inline v0_1::detail {

/// Copies a file, which had that status when it was opened, into an empty one; how long that is
/// then. No further than it went at that time, or, if it said it was empty, to its end; and no
/// further than there is something to read, whatever it says. Holes stay holes. Looks between
/// pieces whether it should stop.
///
/// Throws: `IoError`, "read FROM: ...", "write TO: ..."; `CallStopped`; `std::bad_alloc`.
[[nodiscard]] std::uint64_t copy_content(int from,
                                         const struct stat& status,
                                         int to,
                                         std::string_view from_path,
                                         std::string_view to_path);

}  // namespace eddy::inline v0_1::detail
