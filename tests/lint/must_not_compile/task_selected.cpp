// SPDX-License-Identifier: MIT
// A task has to run: it is raced, or spawned.

#include <chrono>

#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<int> work();

eddy::Task<> correct() { co_await eddy::select(eddy::spawn(work()), eddy::sleep_for(1s)); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await eddy::select(work(), eddy::sleep_for(1s)); }
#endif
