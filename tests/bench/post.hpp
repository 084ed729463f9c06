// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <uv.h>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>

#include "asio_kit.hpp"
#include "bench.hpp"
#include "gate.hpp"

/// Bursts of functions from another thread to the loop: wall time from the first post to the last
/// call, divided by their number.
namespace bench {

namespace posts {

inline constexpr std::size_t bursts = 10;
inline constexpr std::size_t burst = 100'000;

/// What both threads see. The loop's side counts; the sender waits for the end of each burst.
struct Burst {
    std::size_t received = 0;  // loop thread only
    std::atomic<std::size_t> finished{0};

    /// Loop thread, once for each posted function. True for the last one of all.
    bool arrive() noexcept {
        if (++received % burst != 0) {
            return false;
        }
        finished.fetch_add(1, std::memory_order_release);
        finished.notify_one();
        return received == bursts * burst;
    }

    /// Sender: calls `post_one` until everything has arrived. Its allocations.
    template <class F>
    std::uint64_t send(F post_one) {
        const std::uint64_t before = allocation_count;
        for (std::size_t i = 0; i < bursts; ++i) {
            for (std::size_t k = 0; k < burst; ++k) {
                post_one();
            }
            finished.wait(i, std::memory_order_acquire);
        }
        return allocation_count - before;
    }
};

// --- Eddy --------------------------------------------------------------------------------------

inline eddy::Task<Sample> measure() {
    Burst state;
    Gate all;
    std::uint64_t sent = 0;
    const Meter meter(CLOCK_MONOTONIC);
    std::thread sender([&state, &all, &sent, loop = eddy::Loop::current().handle()] {
        sent = state.send([&] {
            static_cast<void>(loop.post([&] {
                if (state.arrive()) {
                    all.open();
                }
            }));
        });
    });
    co_await all.wait();
    sender.join();
    co_return meter.stop(bursts * burst, sent);
}

inline Sample eddy_post() { return eddy::run(measure()); }

// --- libuv -------------------------------------------------------------------------------------

/// The usual way: a vector under a mutex, and one wake-up when it was empty.
class UvInbox final {
public:
    UvInbox() {
        uv_loop_init(&loop_);
        uv_async_init(&loop_, &async_, [](uv_async_t* handle) {
            static_cast<UvInbox*>(handle->data)->drain();
        });
        async_.data = this;
    }
    UvInbox(const UvInbox&) = delete;
    UvInbox& operator=(const UvInbox&) = delete;
    ~UvInbox() { uv_loop_close(&loop_); }

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
    void close() { uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr); }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

private:
    void drain() {
        {
            const std::lock_guard guard(mutex_);
            batch_.swap(queue_);
        }
        for (const auto& fn : batch_) {
            fn();
        }
        batch_.clear();
    }

    uv_loop_t loop_{};
    uv_async_t async_{};
    std::mutex mutex_;
    std::vector<std::function<void()>> queue_;
    std::vector<std::function<void()>> batch_;
};

inline Sample uv_post() {
    UvInbox inbox;
    Burst state;
    std::uint64_t sent = 0;
    const Meter meter(CLOCK_MONOTONIC);
    std::thread sender([&] {
        sent = state.send([&] {
            inbox.post([&] {
                if (state.arrive()) {
                    inbox.close();
                }
            });
        });
    });
    inbox.run();
    sender.join();
    return meter.stop(bursts * burst, sent);
}

// --- Boost.Asio --------------------------------------------------------------------------------

#ifdef EDDY_HAVE_ASIO
namespace asio = peer::asio;

template <class E>
Sample asio_post() {
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    Burst state;
    std::uint64_t sent = 0;
    const E executor(context.get_executor());
    const Meter meter(CLOCK_MONOTONIC);
    std::thread sender([&] {
        sent = state.send([&] {
            asio::post(executor, [&] {
                if (state.arrive()) {
                    work.reset();
                }
            });
        });
    });
    context.run();
    sender.join();
    return meter.stop(bursts * burst, sent);
}
#endif

}  // namespace posts

inline void add_post_rows(std::vector<Row>& rows) {
    using namespace posts;
    rows.push_back({.name = "post",
                    .title = "functions posted by a thread in bursts of 100,000, wall time of each",
                    .unit = "ns",
                    .contenders = {{"eddy", eddy_post}, {"libuv", uv_post}, BENCH_ASIO(asio_post)},
                    .targets = {{"asio", 0.15}}});
}

}  // namespace bench
