// SPDX-License-Identifier: MIT
#include <eddy/with_cleanup.hpp>

#include <new>

#include <eddy/exception_group.hpp>
#include <eddy/report_failure.hpp>

namespace eddy::inline v0_1::detail {

void throw_failures(const std::exception_ptr& body, const std::exception_ptr& cleanup) {
    if (body && cleanup && !is_cancelled(body) && !is_cancelled(cleanup)) {
        try {
            throw ExceptionGroup({body, cleanup});
        } catch (const std::bad_alloc&) {
            report_failure(cleanup, "cleanup");
            std::rethrow_exception(body);
        }
    }
    if (cleanup && (!body || is_cancelled(body))) {
        std::rethrow_exception(cleanup);
    }
    if (body) {
        std::rethrow_exception(body);
    }
}

}  // namespace eddy::inline v0_1::detail
