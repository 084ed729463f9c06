// SPDX-License-Identifier: MIT
// Tasks race; of operations one is selected.

#include <chrono>

#include <eddy/race.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() { co_await eddy::select(eddy::sleep_for(1s), eddy::sleep_for(2s)); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await eddy::race(eddy::sleep_for(1s), eddy::sleep_for(2s)); }
#endif
