// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

#include "responsive_uv.hpp"

/// What comes to a libuv loop in one moment.
namespace bench::responsive::uvs {

/// A burst, the wait for its end, and again: what the loads below have in common.
class Bursts {
public:
    explicit Bursts(Bench& bench) : bench_(bench), every_(bench, 5, [this] { return go_on(); }) {
        bench.session().close_window();
    }
    Bursts(const Bursts&) = delete;
    Bursts& operator=(const Bursts&) = delete;
    virtual ~Bursts() = default;

protected:
    virtual void begin() = 0;
    virtual void end() {}
    /// For each of a burst, on the loop.
    void arrive() {
        bench_.session().marks.seldom();
        if (++arrived_ == burst) {
            bench_.session().close_window();
        }
    }
    [[nodiscard]] Bench& bench() noexcept { return bench_; }

private:
    bool go_on() {
        if (under_way_ && arrived_ != burst) {
            return true;
        }
        if (bench_.session().over()) {
            end();
            return false;
        }
        under_way_ = !under_way_;  // a pause between two
        if (under_way_) {
            arrived_ = 0;
            begin();
        }
        return true;
    }

    Bench& bench_;
    Every every_;
    std::size_t arrived_ = 0;
    bool under_way_ = false;
};

/// The usual inbox: a vector under a mutex, and one wake-up when it was empty.
class Posts final : public Bursts {
public:
    explicit Posts(Bench& on) : Bursts(on) {
        uv_async_init(on.loop(), &async_, [](uv_async_t* handle) {
            static_cast<Posts*>(handle->data)->drain();
        });
        async_.data = this;
    }

private:
    void begin() override {
        std::thread([this] {
            for (std::size_t i = 0; i < burst; ++i) {
                post([this] { arrive(); });
            }
        }).join();
        bench().session().open_window();
    }
    void end() override { uv_close(as_handle(async_), nullptr); }
    void post(std::function<void()> fn) {
        bool wake = false;
        {
            const std::lock_guard guard(mutex_);
            wake = queue_.empty();
            queue_.push_back(std::move(fn));
        }
        if (wake) {
            uv_async_send(&async_);
        }
    }
    void drain() {
        std::vector<std::function<void()>> batch;
        {
            const std::lock_guard guard(mutex_);
            batch.swap(queue_);
        }
        for (const auto& fn : batch) {
            fn();
        }
    }

    uv_async_t async_{};
    std::mutex mutex_;
    std::vector<std::function<void()>> queue_;
};

/// `uv_queue_work` on one thread of libuv's.
class Results final : public Bursts {
public:
    explicit Results(Bench& on) : Bursts(on), calls_(burst) {
        setenv("UV_THREADPOOL_SIZE", "1", 1);
        for (uv_work_t& call : calls_) {
            call.data = this;
        }
        held_.data = this;
    }

private:
    void begin() override {
        done_ = 0;
        uv_queue_work(
            bench().loop(),
            &held_,
            [](uv_work_t* call) { static_cast<Results*>(call->data)->go_.acquire(); },
            [](uv_work_t*, int) {});
        for (uv_work_t& call : calls_) {
            uv_queue_work(
                bench().loop(),
                &call,
                [](uv_work_t* done) { ++static_cast<Results*>(done->data)->done_; },
                [](uv_work_t* done, int) { static_cast<Results*>(done->data)->arrive(); });
        }
        go_.release();
        while (done_.load() != burst) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        bench().session().open_window();
    }

    std::vector<uv_work_t> calls_;
    uv_work_t held_{};
    std::binary_semaphore go_{0};
    std::atomic<std::size_t> done_{0};
};

/// 100,000 timers of the same time. They are made in portions, as the jobs of the others are.
class Sleepers final : public Bursts {
public:
    explicit Sleepers(Bench& on) : Bursts(on), timers_(burst) {
        for (uv_timer_t& timer : timers_) {
            uv_timer_init(on.loop(), &timer);
            timer.data = this;
        }
    }

private:
    void begin() override {
        uv_update_time(bench().loop());
        for (uv_timer_t& timer : timers_) {
            uv_timer_start(
                &timer,
                [](uv_timer_t* due) { static_cast<Sleepers*>(due->data)->arrive(); },
                sleepers_start / 1'000'000,
                0);
        }
        // Fires up to a millisecond earlier than it says.
        bench().session().open_window(wall_now() + sleepers_start - 1'000'000);
    }
    void end() override {
        for (uv_timer_t& timer : timers_) {
            uv_close(as_handle(timer), nullptr);
        }
    }

    std::vector<uv_timer_t> timers_;
};

}  // namespace bench::responsive::uvs
