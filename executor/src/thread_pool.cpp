// SPDX-License-Identifier: MIT
#include <eddy/thread_pool.hpp>

#include <algorithm>
#include <string>

#include <eddy/detail/blocking_region.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

#include "thread_pool_impl.hpp"

namespace eddy::inline v0_1 {

ThreadPool::ThreadPool(const ThreadPoolOptions& options)
    : impl_(std::make_shared<Impl>(options)), grace_(options.grace) {}

ThreadPool::~ThreadPool() { impl_->shutdown(grace_); }

ThreadPoolStatistics ThreadPool::statistics() const { return impl_->statistics(); }
Histogram ThreadPool::queue_wait() const { return impl_->queue_wait(); }
Histogram ThreadPool::run_time() const { return impl_->run_time(); }

void ThreadPool::shutdown(Duration grace) { impl_->shutdown(std::max(grace, Duration::zero())); }

void ThreadPool::submit(Work& work) { impl_->submit(work); }
void ThreadPool::withdraw(Work& work) noexcept { impl_->withdraw(work); }

namespace detail {

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

}  // namespace detail
}  // namespace eddy::inline v0_1
