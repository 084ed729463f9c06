// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>

namespace eddy::inline v0_1::detail {

/// What stands between "eddy::" and a name of ours in what a compiler says. No person writes it.
inline constexpr std::string_view version_part = "v0_1::";

struct FreeMemory {
    void operator()(char* memory) const noexcept { std::free(memory); }
};

/// "eddy::IoError": as people write it. Null: there is no memory, or nobody who can tell.
[[nodiscard]] std::unique_ptr<char, FreeMemory> readable_name(const std::type_info& type) noexcept;

/// The same of a text that names functions.
void leave_version_out(std::string& text) noexcept;

/// The type of the exception that is being handled, null if it is foreign or cannot be told.
[[nodiscard]] const std::type_info* current_exception_type() noexcept;

}  // namespace eddy::inline v0_1::detail
