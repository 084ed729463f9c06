// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::inline v0_1::detail {

/// Throws `IoError` ("`what`: reason") for a negative libuv result.
void uv_check(int result, const char* what);

}  // namespace eddy::inline v0_1::detail
