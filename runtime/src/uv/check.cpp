// SPDX-License-Identifier: MIT
#include "check.hpp"

#include <system_error>

#include <uv.h>

#include <eddy/error.hpp>

namespace eddy::detail {

void uv_check(int result, const char* what) {
    if (result < 0) {
        throw IoError(std::error_code(-result, std::system_category()), what);
    }
}

}  // namespace eddy::detail
