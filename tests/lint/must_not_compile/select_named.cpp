// SPDX-License-Identifier: MIT
// A select refers to its operations, which must not have ended.

#include <chrono>

#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    co_await eddy::select(eddy::sleep_for(1s), eddy::sleep_for(2s));
    auto one = eddy::sleep_for(1s);
    auto two = eddy::sleep_for(2s);
    auto either = eddy::select(one, two);
    co_await either;
    co_await either;
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    auto one = eddy::sleep_for(1s);
    auto either = eddy::select(one, eddy::sleep_for(2s));
    co_await either;
}
#endif
