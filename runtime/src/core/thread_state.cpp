// SPDX-License-Identifier: MIT
#include <eddy/detail/thread_state.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace eddy::inline v0_1::detail {

constinit thread_local ThreadState thread_state{nullptr, nullptr, nullptr, max_hops, 0, 0};

namespace {

// The identities of threads on which a loop runs; 0: a free place. Who has found none is counted.
constinit std::atomic<std::uint64_t> with_loop[64]{};
constinit std::atomic<std::size_t> unlisted{0};

/// Puts `to` in the place of one `from`. False: there is none.
bool replace(std::uint64_t from, std::uint64_t to) noexcept {
    for (std::atomic<std::uint64_t>& place : with_loop) {
        std::uint64_t expected = from;
        // release: of what the loop did. acquire: who sees a later identity has seen that, too.
        if (place.load(std::memory_order_relaxed) == from &&
            place.compare_exchange_strong(expected, to, std::memory_order_acq_rel)) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::uint64_t loop_begins() noexcept {
    static constinit std::atomic<std::uint64_t> last{0};
    if (thread_state.identity == 0) {
        // relaxed: a number, which orders nothing
        thread_state.identity = last.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    if (!replace(0, thread_state.identity)) {
        unlisted.fetch_add(1, std::memory_order_relaxed);
    }
    return thread_state.identity;
}

void loop_ends(std::uint64_t identity) noexcept {
    if (!replace(identity, 0) && unlisted.load(std::memory_order_relaxed) != 0) {
        unlisted.fetch_sub(1, std::memory_order_release);
    }
}

bool loop_is_over(std::uint64_t identity) noexcept {
    if (unlisted.load(std::memory_order_acquire) != 0) {
        return false;
    }
    for (const std::atomic<std::uint64_t>& place : with_loop) {
        if (place.load(std::memory_order_acquire) == identity) {
            return false;
        }
    }
    return true;
}

void forget_loops() noexcept {
    for (std::atomic<std::uint64_t>& place : with_loop) {
        place.store(0, std::memory_order_relaxed);
    }
    unlisted.store(0, std::memory_order_relaxed);
}

}  // namespace eddy::inline v0_1::detail
