// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "choices.hpp"
#include "options.hpp"
#include "thread.hpp"

namespace explore {

/// Runs the threads of an execution, one at a time, and decides at every point which.
///
/// A thread goes from one point to the next without being disturbed. A point stands before every
/// operation that another thread could tell: atomic ones, locks, notifications, the end of a wait.
class Engine {
public:
    Options options;
    Choices choices;
    std::size_t rounds = 0;  ///< how often the exploration has begun anew, with more points

    // --- from the hooks ------------------------------------------------------------------------
    /// False outside executions, and while the engine itself is at work.
    [[nodiscard]] bool watching() const noexcept { return watching_; }
    /// Around what a hook does: whatever that calls is not looked at.
    class Inside {
    public:
        explicit Inside(Engine& engine) noexcept : engine_(engine) { engine.watching_ = false; }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside() { engine_.watching_ = true; }

    private:
        Engine& engine_;
    };

    [[nodiscard]] Thread& current() noexcept { return *current_; }
    [[nodiscard]] Thread& thread(std::size_t id) noexcept { return threads_.at(id); }
    /// False: the point before it may be left out, because no other thread can tell.
    [[nodiscard]] bool is_shared(std::uintptr_t pc) const noexcept;

    /// A point: somebody else may go first.
    void point();
    /// The current thread cannot go on until it is ready again. `timed`: or its time is over, which
    /// `Thread::timed_out` then says.
    void wait(const void* what, const char* where, bool timed = false);
    /// Makes those ready that wait for it: one, the one that `choose` says, or all.
    std::size_t wake(const void* what, bool all);
    /// Lets the others go on, who may have what this one waits for.
    void yield();

    [[nodiscard]] std::size_t start_thread(void* (*entry)(void*), void* argument);
    void join(std::size_t id);
    void detach(std::size_t id) { threads_.at(id).detached = true; }

    /// One of the alternatives, 0 being what happens if nothing is explored. `kind` tells those
    /// apart that stand in the same place.
    [[nodiscard]] std::size_t choose(std::size_t count, std::uint64_t kind);
    /// The current thread has done or seen something, which that stands for.
    void happened(std::uint64_t what) noexcept { current_->past = mixed(current_->past, what); }
    /// A load may see less than the newest, or a weak compare-and-swap fail for nothing.
    [[nodiscard]] bool may_surprise() const noexcept { return surprises_ < options.surprises; }
    void surprise() noexcept { ++surprises_; }

    /// A new moment in the current thread's past.
    Stamp tick() noexcept { return ++current_->clock.at[current_->id]; }

    [[noreturn]] void fail(const char* kind, const std::string& text);

    std::uint64_t now =
        1'000'000'000'000;  ///< of the clocks; moves when a timed wait ends by itself

    // --- from the explorer ---------------------------------------------------------------------
    void run(void (*scenario)());
    /// Once, without alternatives and on the real heap: what the program makes at its first use and
    /// keeps is there afterwards.
    void warm_up(void (*scenario)());
    [[nodiscard]] bool warming_up() const noexcept { return warming_up_; }
    void forget_places() { been_.clear(); }

    void name(const char* scenario) noexcept { name_ = scenario; }

private:
    [[nodiscard]] bool can_run(const Thread& thread) const noexcept {
        return thread.state == Thread::State::ready;
    }
    [[nodiscard]] bool may_go(const Thread& thread) const noexcept;
    [[nodiscard]] std::uint64_t place(std::uint64_t kind) const noexcept;
    void step();
    void pass_on(bool may_stay);
    void switch_to(Thread& next);
    [[noreturn]] void deadlock();
    void finish();
    static void trampoline();

    std::array<Thread, max_threads> threads_;
    std::size_t thread_count_ = 0;
    Thread* current_ = nullptr;
    ucontext_t home_{};
    bool watching_ = false;
    std::size_t preemptions_ = 0;
    std::size_t surprises_ = 0;
    std::size_t steps_ = 0;
    const char* name_ = "";
    // Where executions have been, as hashes. Two that have got to the same place, whatever the
    // order of what does not depend on each other, go on in the same ways.
    std::unordered_set<std::uint64_t> been_;
    bool warming_up_ = false;
    bool known_ = false;  // this execution is at such a place, or was
};

extern Engine engine;

}  // namespace explore
