// SPDX-License-Identifier: MIT
// A program is a task.

#include <chrono>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<> work();

void correct() { eddy::run(work()); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong() { eddy::run(eddy::sleep_for(1s)); }
#endif
