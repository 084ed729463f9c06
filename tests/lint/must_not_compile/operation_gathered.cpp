// SPDX-License-Identifier: MIT
// Tasks are gathered, and an operation is none.

#include <chrono>

#include <eddy/gather.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

using namespace std::chrono_literals;

eddy::Task<int> work();

eddy::Task<> correct() { co_await eddy::gather(work(), work()); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await eddy::gather(work(), eddy::sleep_for(1s)); }
#endif
