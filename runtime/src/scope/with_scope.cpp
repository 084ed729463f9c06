// SPDX-License-Identifier: MIT
#include <eddy/with_scope.hpp>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

void throw_timed_out(const CancelScope& scope) {
    if (scope.cancel_source() == CancelSource::deadline) {
        throw TimedOut("timed out");
    }
    throw JobCancelled("the scope was cancelled before its work had a result");
}

}  // namespace eddy::inline v0_1::detail
