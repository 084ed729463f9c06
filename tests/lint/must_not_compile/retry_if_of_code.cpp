// SPDX-License-Identifier: MIT
// What `retry_if` is called with is a failure.

#include <exception>

#include <eddy/retry.hpp>

void correct(eddy::RetryPolicy& policy) {
    policy.retry_if = [](const std::exception_ptr&) { return true; };
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::RetryPolicy& policy) {
    policy.retry_if = [](int code) { return code > 0; };
}
#endif
