// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include <eddy/detail/fork_generation.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/net/lookup_statistics.hpp>

#include "net/lookup_flight.hpp"
#include "net/lookup_table.hpp"

namespace eddy::inline v0_1::detail {

/// The threads that look names up, for all loops of the process: as many as there are flights under
/// way, up to a limit, and none when there have been none for a while.
///
/// They are detached, and nobody waits for them: not a loop that ends, not the process. So this
/// object is never destroyed, and neither is one that a child has inherited.
///
/// | a flight                  | begins when                         | who unlinks it from where  |
/// |---------------------------|-------------------------------------|----------------------------|
/// | is queued: in the table   | a request finds none for its name   | the last to leave, from    |
/// | and in the queue          |                                     | both: it never runs        |
/// | runs: in the table and    | a thread takes it from the queue    | a request that finds it    |
/// | among the running         |                                     | stale, from the table      |
/// | has landed: nowhere       | getaddrinfo has returned            | its thread, from both      |
///
/// Requests are in the list of their flight, until they leave or it has landed; in between the lock
/// decides. Then its thread tells them, without the lock: each pushes itself to its loop's inbox,
/// and whoever leaves meanwhile finds that too late and only forgets what it waited for.
///
/// | field                                   | who                          |
/// |-----------------------------------------|------------------------------|
/// | all but generation_, parent_            | any thread, under mutex_     |
///
/// Under mutex_ no other lock is taken but the allocator's. Not the loader's: a library's
/// constructor, which is run under that, may ask as well.
class LookupThreads final {
public:
    static constexpr std::size_t most_threads = 16;
    /// In the queue. Whoever comes later waits for a place in it, which needs no second list:
    /// places are given in the order of arrival, and so are threads.
    static constexpr std::size_t most_queued = 1024;
    static constexpr std::chrono::seconds idle_time{10};
    /// For so long a flight that runs may be joined: the time in which a resolver gives its first
    /// server up (resolv.conf(5), "timeout"). One that has been under way for longer hangs, and who
    /// tries again then wants somebody to look again.
    static constexpr std::chrono::seconds fresh_time{5};

    /// This process's. A child after fork() has its own, since its parent's threads are not there.
    ///
    /// Throws: `std::bad_alloc`, and what `std::random_device` does.
    [[nodiscard]] static LookupThreads& instance();

    LookupThreads(const LookupThreads&) = delete;
    LookupThreads& operator=(const LookupThreads&) = delete;

    /// 0: it will be answered, by a flight that is there or by one of its own. Else an errno: no
    /// thread can be started and none is there.
    ///
    /// Throws: `std::bad_alloc`. It has not asked then.
    [[nodiscard]] int ask(LookupRequest& request, const LookupKey& key);

    /// True: it will not be answered, and is the caller's again. False: its answer is under way.
    [[nodiscard]] bool leave(LookupRequest& request) noexcept;

    /// Of this process; zeros if it has looked nothing up.
    [[nodiscard]] static LookupStatistics statistics() noexcept;

    /// They are a parent's: nothing of it may be touched.
    [[nodiscard]] bool inherited() const noexcept { return generation_ != fork_generation(); }

private:
    struct GiveBack {
        void operator()(void* library) const noexcept;
    };
    /// Keeps the library that this code is in in memory. Null: it is a program's.
    using HeldLibrary = std::unique_ptr<void, GiveBack>;

    [[nodiscard]] static HeldLibrary hold_library() noexcept;

    LookupThreads() = default;
    ~LookupThreads() = default;

    [[nodiscard]] static LookupThreads* known() noexcept;
    [[nodiscard]] LookupStatistics look() noexcept;
    [[nodiscard]] LookupFlight* to_join(const LookupKey& key) noexcept;
    [[nodiscard]] bool lacks_thread(std::size_t more = 0) const noexcept;
    void catch_up() noexcept;
    [[nodiscard]] int start_thread(HeldLibrary& library) noexcept;
    static void* thread_main(void* library) noexcept;
    void serve() noexcept;
    [[nodiscard]] LookupFlight* take(std::unique_lock<std::mutex>& lock) noexcept;
    void land(LookupFlight& flight) noexcept;
    void check_invariants() const noexcept;

    // Invariant: a queued flight implies a thread. There are as many as there are flights, up to
    // the limit, unless one could not be started: whoever comes by tries again.
    std::mutex mutex_;
    std::condition_variable queued_or_late_;
    LookupTable table_;
    ListLink queue_;
    ListLink running_;  // in the order in which they have begun
    std::size_t queued_ = 0;
    std::size_t threads_ = 0;
    std::size_t busy_ = 0;  // of them, in the resolver; the others take what is queued
    std::uint64_t started_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t shared_ = 0;
    LookupThreads* parent_ = nullptr;
    const std::uint32_t generation_ = fork_generation();
};

}  // namespace eddy::inline v0_1::detail
