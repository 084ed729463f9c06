// SPDX-License-Identifier: MIT
#include "uv_inventory.hpp"

#include <eddy/testing/coroutine_test.hpp>

namespace {

/// Around every coroutine test of this executable, over sockets or not.
const bool counted = [] {
    eddy::testing::leaves_unchanged("libuv handles", &eddy::testing::open_handles);
    return true;
}();

}  // namespace
