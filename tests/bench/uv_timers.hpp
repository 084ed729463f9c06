// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <uv.h>

namespace bench::timers {

inline constexpr std::size_t sleepers = 100'000;

/// A loop with as many timers as there are sleepers, one more, and their end.
class UvTimers final {
public:
    UvTimers() : timers_(std::make_unique<uv_timer_t[]>(sleepers + 1)) { uv_loop_init(&loop_); }
    UvTimers(const UvTimers&) = delete;
    UvTimers& operator=(const UvTimers&) = delete;
    ~UvTimers() {
        for (std::size_t i = 0; i <= sleepers; ++i) {
            uv_close(reinterpret_cast<uv_handle_t*>(&timers_[i]), nullptr);
        }
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

    void init() {
        for (std::size_t i = 0; i <= sleepers; ++i) {
            uv_timer_init(&loop_, &timers_[i]);
        }
    }
    void start(std::size_t i, std::chrono::milliseconds delay) {
        uv_timer_start(
            &timers_[i], [](uv_timer_t*) {}, static_cast<std::uint64_t>(delay.count()), 0);
    }
    void stop(std::size_t i) { uv_timer_stop(&timers_[i]); }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

private:
    uv_loop_t loop_{};
    std::unique_ptr<uv_timer_t[]> timers_;
};

}  // namespace bench::timers
