// SPDX-License-Identifier: MIT
// An operation does not run by itself.

#include <chrono>

#include <eddy/join_set.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

void correct(eddy::JoinSet<>& set) {
    set.spawn([]() -> eddy::Task<> { co_await eddy::sleep_for(1s); });
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::JoinSet<>& set) { set.spawn(eddy::sleep_for(1s)); }
#endif
