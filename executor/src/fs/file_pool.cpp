// SPDX-License-Identifier: MIT
#include <eddy/fs/file_pool.hpp>

#include "loop_pool.hpp"

namespace eddy::inline v0_1 {

ThreadPool& file_pool() {
    thread_local detail::LoopPool::Slot slot;
    return detail::LoopPool::of_loop(slot, "file_pool", {.name = "eddy-file", .threads = 4});
}

}  // namespace eddy::inline v0_1
