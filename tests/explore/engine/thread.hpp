// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <ucontext.h>
#include <vector>

#include "clock.hpp"

namespace explore {

/// A thread of an execution: a stack of its own, and a copy of its own of the program's
/// thread-local variables, which is put in place while it runs. All of them run on one real thread.
struct Thread {
    enum class State : std::uint8_t { unused, ready, waiting, finished };

    std::size_t id = 0;
    State state = State::unused;
    unsigned lets_go = 0;  ///< bits: the threads that shall make a step before it
    bool detached = false;
    bool timed = false;      ///< its wait may end by itself
    bool timed_out = false;  ///< and has
    const void* waits_for = nullptr;
    const char* waits_in = "";

    std::uint64_t past = 0;  ///< a hash of what it has done and seen
    Clock clock;
    Clock seen_relaxed;       ///< what its relaxed loads have met: for an acquire fence
    Clock released;           ///< its past at the last release fence
    std::uint64_t fence = 0;  ///< where its last seq_cst fence stands among all that is seq_cst
    Clock fenced;             ///< what came before the fences up to that one

    void* (*entry)(void*) = nullptr;
    void* argument = nullptr;

    struct AtExit {
        void (*destroy)(void*);
        void* object;
    };
    std::vector<AtExit> at_exit;

    ucontext_t context{};
    std::vector<std::byte> variables;  ///< the thread-local ones, while another one runs
    void* exceptions[2]{};             ///< those that are being handled
};

/// Where the program's thread-local variables are, those of all threads in turn.
class ThreadVariables {
public:
    static void find();
    [[nodiscard]] static bool has(std::uintptr_t address) noexcept;
    /// As a thread finds them that starts.
    static void fresh(Thread& thread);
    static void save(Thread& thread);
    static void put(const Thread& thread);
};

}  // namespace explore
