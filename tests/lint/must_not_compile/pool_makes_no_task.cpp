// SPDX-License-Identifier: MIT
// What makes a resource returns a task of it.

#include <eddy/resource_pool.hpp>

using Pool = eddy::ResourcePool<int>;

Pool::Hooks correct() {
    return {.make = []() -> eddy::Task<int> { co_return 1; }};
}

#ifdef EDDY_MUST_NOT_COMPILE
Pool::Hooks wrong() {
    return {.make = [] { return 1; }};
}
#endif
