// SPDX-License-Identifier: MIT
#include <eddy/detail/whole_number.hpp>

#include <stdexcept>
#include <string>

namespace eddy::inline v0_1::detail {

void throw_negative(const char* what) {
    throw std::invalid_argument(std::string(what) + ": the number is negative");
}

void throw_negative(const char* what, std::int64_t number) {
    throw std::invalid_argument(std::string(what) + ": " + std::to_string(number) + " is negative");
}

void throw_too_large(const char* what, std::uint64_t most) {
    throw std::invalid_argument(std::string(what) + ": the number is larger than " +
                                std::to_string(most));
}

}  // namespace eddy::inline v0_1::detail
