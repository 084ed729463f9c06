// SPDX-License-Identifier: MIT
// As wrapped_to_group.cpp, for a job of a set.

#include <chrono>

#include <eddy/join_set.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

using namespace std::chrono_literals;

void correct(eddy::JoinSet<bool>& set, eddy::Sleep& sleep) {
    set.spawn(eddy::move_on_after(1s, sleep)).detach();
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::JoinSet<bool>& set) {
    set.spawn(eddy::move_on_after(1s, eddy::sleep_for(2s))).detach();
}
#endif
