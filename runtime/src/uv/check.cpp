// SPDX-License-Identifier: MIT
#include "uv/check.hpp"

#include <system_error>

#include <uv.h>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void uv_check(int result, const char* what) {
    if (result < 0) {
        throw IoError(std::error_code(-result, std::system_category()), what);
    }
}

}  // namespace eddy::inline v0_1::detail
