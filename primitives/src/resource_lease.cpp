// SPDX-License-Identifier: MIT
#include <eddy/resource_lease.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void throw_empty_lease(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this lease is empty: it was moved from, released or discarded");
}

}  // namespace eddy::inline v0_1::detail
