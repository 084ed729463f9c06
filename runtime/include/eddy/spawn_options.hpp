// SPDX-License-Identifier: MIT
#pragma once

#include <source_location>
#include <string_view>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// `spawn(task, {.name = "heartbeat"})`.
struct EDDY_VISIBLE SpawnOptions {
    std::string_view name = {};  ///< copied; shown in logs and dumps
    std::source_location where = std::source_location::current();
};

}  // namespace eddy::inline v0_1
