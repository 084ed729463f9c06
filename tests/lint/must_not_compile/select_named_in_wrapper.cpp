// SPDX-License-Identifier: MIT
// As select_named.cpp, with a timeout.

#include <chrono>

#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    co_await eddy::fail_after(1s, eddy::select(eddy::sleep_for(1s), eddy::sleep_for(2s)));
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto either = eddy::select(eddy::sleep_for(1s), eddy::sleep_for(2s));
    co_await eddy::fail_after(1s, either);
}
#endif
