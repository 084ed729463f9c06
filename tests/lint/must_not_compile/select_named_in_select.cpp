// SPDX-License-Identifier: MIT
// As select_named.cpp, inside another select.

#include <eddy/select.hpp>

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    co_await eddy::select(eddy::select(eddy::sleep_for(1s)), eddy::sleep_for(2s));
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto inner = eddy::select(eddy::sleep_for(1s));
    co_await eddy::select(inner, eddy::sleep_for(2s));
}
#endif
