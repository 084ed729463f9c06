// SPDX-License-Identifier: MIT
#include "net/socket_errors.hpp"

#include <cerrno>
#include <system_error>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

bool is_fault_of_peer(int error) noexcept {
    switch (error) {
        case ECONNRESET:
        case EPIPE:
        case ETIMEDOUT:
        case ECONNABORTED:
        case ENETRESET:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENOTCONN:
            return true;
        default:
            return false;
    }
}

void throw_io_error(int error, const std::string& what) {
    throw IoError(std::error_code(error, std::system_category()), what);
}

}  // namespace eddy::inline v0_1::detail
