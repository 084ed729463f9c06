// SPDX-License-Identifier: MIT
#include <eddy/thread_pool.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
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
bool ThreadPool::try_submit(Work& work) { return impl_->try_submit(work); }
void ThreadPool::withdraw(Work& work) noexcept { impl_->withdraw(work); }

// --- a loop's own ------------------------------------------------------------------------------

namespace {

/// Belongs to the loop: goes when that closes.
class DefaultPool final : private detail::CloseListener {
public:
    explicit DefaultPool(detail::LoopCore& core) : core_(core) { core.listen_to_close(*this); }
    DefaultPool(const DefaultPool&) = delete;
    DefaultPool& operator=(const DefaultPool&) = delete;
    ~DefaultPool() override = default;

    [[nodiscard]] bool belongs_to(const detail::LoopCore& core) const noexcept {
        return &core_ == &core;
    }

    ThreadPool pool;

private:
    void loop_closing() noexcept override;

    detail::LoopCore& core_;
};

thread_local std::unique_ptr<DefaultPool> default_pool_of_thread;  // a thread has one loop at most

void DefaultPool::loop_closing() noexcept {
    const std::unique_ptr<DefaultPool> self = std::move(default_pool_of_thread);
    if (core_.severing) {
        pool.shutdown(Duration::zero());  // the loop's grace was theirs too
    }
}

}  // namespace

ThreadPool& default_pool() {
    detail::LoopCore& core = detail::require_loop("default_pool");
    if (default_pool_of_thread && !default_pool_of_thread->belongs_to(core)) {
        // A child that was forked by a job: that pool is the parent's. Leaked on purpose.
        // NOLINTNEXTLINE(bugprone-unused-return-value)
        static_cast<void>(default_pool_of_thread.release());
    }
    if (!default_pool_of_thread) {
        if (core.root.closed) {
            throw LoopClosed("default_pool: the loop is ending and offloads nothing any more");
        }
        default_pool_of_thread = std::make_unique<DefaultPool>(core);
    }
    return default_pool_of_thread->pool;
}

}  // namespace eddy::inline v0_1
