// SPDX-License-Identifier: MIT
#include <eddy/detail/local_ref.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void throw_moved_from(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this handle was moved from; use the one it was moved to");
}

}  // namespace eddy::inline v0_1::detail
