// SPDX-License-Identifier: MIT
// A loop would run what has ended on another thread.

#include <chrono>

#include <eddy/portal.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

void correct(eddy::Portal portal) {
    portal.call([]() -> eddy::Task<> { co_await eddy::fail_after(1s, eddy::sleep_for(2s)); });
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::Portal portal) {
    static_cast<void>(portal.submit(eddy::fail_after(1s, eddy::sleep_for(2s))));
}
#endif
