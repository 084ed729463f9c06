// SPDX-License-Identifier: MIT
#include <eddy/with_cleanup.hpp>

#include <vector>

#include <eddy/exception_group.hpp>

namespace eddy::detail {

void throw_failures(const std::exception_ptr& body, const std::exception_ptr& cleanup) {
    if (body && cleanup && !is_cancelled(body) && !is_cancelled(cleanup)) {
        throw ExceptionGroup({body, cleanup});
    }
    if (cleanup && (!body || is_cancelled(body))) {
        std::rethrow_exception(cleanup);
    }
    if (body) {
        std::rethrow_exception(body);
    }
}

}  // namespace eddy::detail
