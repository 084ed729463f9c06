// SPDX-License-Identifier: MIT
#include <eddy/detail/brought_item.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void throw_given_away(const char* what) {
    throw InvalidState(std::string(what) +
                       ": this operation has given its item away; make a new one for the next");
}

}  // namespace eddy::inline v0_1::detail
