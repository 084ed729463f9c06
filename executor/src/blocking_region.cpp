// SPDX-License-Identifier: MIT
#include <eddy/detail/blocking_region.hpp>

#include <string>

#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

#include "thread_pool_impl.hpp"

namespace eddy::inline v0_1::detail {

BlockingRegion::BlockingRegion() noexcept : pool_(ThreadPool::Impl::of_this_thread()) {
    if (pool_ != nullptr) {
        auto& pool = *static_cast<ThreadPool::Impl*>(pool_);
        pool.begin_blocking();
        pause_ = pool.patience() / 4;
    }
}

BlockingRegion::~BlockingRegion() {
    if (pool_ != nullptr) {
        static_cast<ThreadPool::Impl*>(pool_)->end_blocking();
    }
}

void BlockingRegion::look_after_pool() noexcept { static_cast<ThreadPool::Impl*>(pool_)->look(); }

void require_off_loop(const char* what) {
    if (thread_state.core != nullptr) {
        throw InvalidState(std::string(what) +
                           " would block a loop: on a loop's thread, await instead");
    }
}

}  // namespace eddy::inline v0_1::detail
