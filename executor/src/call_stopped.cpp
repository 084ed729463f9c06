// SPDX-License-Identifier: MIT
#include <eddy/detail/call_stopped.hpp>

#include <eddy/executor.hpp>

namespace eddy::inline v0_1::detail {

void stop_if_asked() {
    if (call_should_stop()) {
        throw CallStopped();
    }
}

}  // namespace eddy::inline v0_1::detail
