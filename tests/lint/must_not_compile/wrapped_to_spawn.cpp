// SPDX-License-Identifier: MIT
// As wrapped_to_group.cpp, for a job of the loop, with options.

#include <chrono>

#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

void correct(eddy::Sleep& sleep) { eddy::spawn(eddy::shield(sleep), {.name = "sleeper"}).detach(); }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong() { eddy::spawn(eddy::shield(eddy::sleep_for(2s)), {.name = "sleeper"}).detach(); }
#endif
