// SPDX-License-Identifier: MIT
// Options refer to a predicate that has a state: a temporary one would be gone when it is asked.

#include <exception>

#include <eddy/retry.hpp>

void correct(eddy::RetryPolicy& policy, int& left) {
    policy.retry_if = [](const std::exception_ptr&) { return true; };
    const auto worth_it = [&left](const std::exception_ptr&) { return left-- > 0; };
    policy.retry_if = worth_it;
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::RetryPolicy& policy, int& left) {
    policy.retry_if = [&left](const std::exception_ptr&) { return left-- > 0; };
}
#endif
