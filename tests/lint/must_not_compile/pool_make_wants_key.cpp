// SPDX-License-Identifier: MIT
// In a pool with keys the key says what to make.

#include <string>

#include <eddy/resource_pool.hpp>

using Pool = eddy::ResourcePool<int, std::string>;

Pool::Hooks correct() {
    return {.make = [](const std::string&) -> eddy::Task<int> { co_return 1; }};
}

#ifdef EDDY_MUST_NOT_COMPILE
Pool::Hooks wrong() {
    return {.make = []() -> eddy::Task<int> { co_return 1; }};
}
#endif
