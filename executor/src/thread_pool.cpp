// SPDX-License-Identifier: MIT
#include <eddy/thread_pool.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include "loop_pool.hpp"
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
bool ThreadPool::try_submit(Work& work) { return impl_->try_submit(work); }
void ThreadPool::withdraw(Work& work) noexcept { impl_->withdraw(work); }

// --- a loop's own ------------------------------------------------------------------------------

ThreadPool& default_pool() {
    thread_local detail::LoopPool::Slot slot;
    return detail::LoopPool::of_loop(slot, "default_pool", {});
}

}  // namespace eddy::inline v0_1
