// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/list_link.hpp>

namespace eddy::inline v0_1::detail {

/// Something that blocks a thread for as long as it likes, and cannot be stopped.
class LookupWork : private ListLink {
public:
    LookupWork(const LookupWork&) = delete;
    LookupWork& operator=(const LookupWork&) = delete;

protected:
    LookupWork() = default;
    virtual ~LookupWork() = default;

    /// On a thread; from here on it owns itself.
    virtual void run() noexcept = 0;

private:
    friend class LookupThreads;
};

/// The threads that look names up, for all loops of the process: as many as there are lookups under
/// way, up to a limit, and none when there have been none for a while.
///
/// They are detached, and nobody waits for them: not a loop that ends, not the process. So this
/// object is never destroyed, and neither is one that a child has inherited.
///
/// | field                     | who                                          |
/// |---------------------------|----------------------------------------------|
/// | queue_, queued_, and links of works in it | any thread, under mutex_     |
/// | threads_, idle_           | any thread, under mutex_                     |
/// | library_, held_           | any thread, under mutex_                     |
class LookupThreads final {
public:
    static constexpr std::size_t most_threads = 16;
    static constexpr std::size_t most_queued = 1024;
    static constexpr std::chrono::seconds idle_time{10};

    /// This process's. A child after fork() has its own, since its parent's threads are not there.
    ///
    /// Throws: `std::bad_alloc`.
    [[nodiscard]] static LookupThreads& instance();

    LookupThreads(const LookupThreads&) = delete;
    LookupThreads& operator=(const LookupThreads&) = delete;

    /// 0: it will run, on a thread of its own if there can be one. Else an errno: EAGAIN when no
    /// thread can be started and none is there, ENOBUFS when too many are queued.
    [[nodiscard]] int submit(LookupWork& work) noexcept;

    /// True: it was queued, and will not run.
    [[nodiscard]] bool withdraw(LookupWork& work) noexcept;

    /// They are a parent's: nothing of it may be touched.
    [[nodiscard]] bool inherited() const noexcept { return generation_ != fork_generation(); }

private:
    LookupThreads() = default;
    ~LookupThreads() = default;

    [[nodiscard]] int start_thread() noexcept;
    static void* thread_main(void* self) noexcept;
    void hold_library() noexcept;
    [[nodiscard]] void* library_to_give_back() noexcept;
    void serve() noexcept;

    // Invariant: a queued work implies a thread, or one that is being started.
    std::mutex mutex_;
    std::condition_variable queued_or_late_;
    ListLink queue_;
    std::size_t queued_ = 0;
    std::size_t threads_ = 0;
    std::size_t idle_ = 0;     // of them, waiting for work
    void* library_ = nullptr;  // that this code is in, see hold_library(); null in a program
    std::size_t held_ = 0;     // how many times: once for each thread that has not run yet
    LookupThreads* parent_ = nullptr;
    const std::uint32_t generation_ = fork_generation();
};

}  // namespace eddy::inline v0_1::detail
