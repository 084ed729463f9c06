// SPDX-License-Identifier: MIT
#include "engine.hpp"

#include <cstdio>
#include <unistd.h>
#include <utility>

#include "heap.hpp"
#include "locks.hpp"
#include "memory.hpp"
#include "region.hpp"
#include "trace.hpp"

namespace explore {

Engine engine;

// --- who goes on -------------------------------------------------------------------------------

/// Everything that what comes next depends on.
std::uint64_t Engine::place(std::uint64_t kind) const noexcept {
    std::uint64_t all = mixed(kind, current_->id);
    for (std::size_t i = 0; i < thread_count_; ++i) {
        const Thread& thread = threads_[i];
        all = mixed(all, thread.past);
        all = mixed(all, static_cast<std::uint64_t>(thread.state) * 256 + thread.lets_go);
    }
    return mixed(mixed(mixed(all, preemptions_), surprises_), now);
}

std::size_t Engine::choose(std::size_t count, std::uint64_t kind) {
    if (count == 1) {
        return 0;
    }
    if (known_ || (options.prune && choices.at_end() && !been_.insert(place(kind)).second)) {
        known_ = true;  // from here on everything has been tried
        return 0;
    }
    const std::size_t chosen = choices.choose(count);
    if (choices.strayed()) {
        fail("strayed", "the same decisions have led elsewhere: the scenario depends on more");
    }
    return chosen;
}

/// The current thread makes a step: whoever waits for that may go on.
void Engine::step() {
    if (++steps_ > options.steps) {
        fail("livelock", "after " + std::to_string(steps_) + " operations nobody has come further");
    }
    current_->lets_go = 0;
    for (std::size_t i = 0; i < thread_count_; ++i) {
        threads_[i].lets_go &= ~(1U << current_->id);
    }
}

/// Whoever has yielded lets those go first that could go on then: nobody is starved by threads that
/// yield to each other.
bool Engine::may_go(const Thread& thread) const noexcept {
    if (!can_run(thread)) {
        return false;
    }
    for (std::size_t i = 0; i < thread_count_; ++i) {
        if ((thread.lets_go & (1U << i)) != 0 && can_run(threads_[i])) {
            return false;
        }
    }
    return true;
}

void Engine::point() {
    std::array<Thread*, max_threads> others{};
    std::size_t count = 0;
    if (preemptions_ < options.preemptions) {
        for (std::size_t i = 0; i < thread_count_; ++i) {
            Thread& other = threads_[i];
            if (&other != current_ && may_go(other)) {
                others[count++] = &other;
            }
        }
    }
    std::size_t timed = count;
    if (surprises_ < options.surprises) {
        for (std::size_t i = 0; i < thread_count_; ++i) {
            if (threads_[i].state == Thread::State::waiting && threads_[i].timed) {
                others[timed++] = &threads_[i];
            }
        }
    }
    const std::size_t chosen = choose(timed + 1, 1);
    if (chosen > count) {
        Thread& late = *others[chosen - 1];
        ++surprises_;
        late.timed_out = true;
        late.past = mixed(late.past, now);
        late.state = Thread::State::ready;
        switch_to(late);
    } else if (chosen != 0) {
        ++preemptions_;
        switch_to(*others[chosen - 1]);
    }
    step();
}

/// Some other thread, for nothing.
void Engine::pass_on(bool may_stay) {
    std::array<Thread*, max_threads> others{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < thread_count_; ++i) {
        Thread& other = threads_[i];
        if (&other != current_ && may_go(other)) {
            others[count++] = &other;
        }
    }
    // Whose time may be over instead: always, if nobody else can go on.
    std::size_t timed = count;
    if ((count == 0 && !may_stay) || surprises_ < options.surprises) {
        for (std::size_t i = 0; i < thread_count_; ++i) {
            if (threads_[i].state == Thread::State::waiting && threads_[i].timed) {
                others[timed++] = &threads_[i];
            }
        }
    }
    if (timed == 0) {
        if (!may_stay) {
            deadlock();
        }
        return;
    }
    const std::size_t chosen = choose(timed, 2);
    Thread& next = *others[chosen];
    if (chosen >= count) {
        surprises_ += count != 0 ? 1 : 0;
        next.timed_out = true;
        next.past = mixed(next.past, now);
        next.state = Thread::State::ready;
    }
    if (&next != current_) {
        switch_to(next);
    }
}

void Engine::wait(const void* what, const char* where, bool timed) {
    Thread& self = *current_;
    self.state = Thread::State::waiting;
    self.waits_for = what;
    self.waits_in = where;
    self.timed = timed;
    self.timed_out = false;
    pass_on(false);
    self.timed = false;
    self.waits_for = nullptr;
    step();
}

std::size_t Engine::wake(const void* what, bool all) {
    std::array<Thread*, max_threads> found{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < thread_count_; ++i) {
        if (threads_[i].state == Thread::State::waiting && threads_[i].waits_for == what) {
            found[count++] = &threads_[i];
        }
    }
    if (count == 0) {
        return 0;
    }
    if (!all) {
        found[0] = found[choose(count, 3)];
        count = 1;
    }
    for (std::size_t i = 0; i < count; ++i) {
        found[i]->state = Thread::State::ready;
        happened(found[i]->past);
    }
    for (std::size_t i = 0; i < count; ++i) {
        found[i]->past = mixed(found[i]->past, current_->past);
    }
    return count;
}

void Engine::yield() {
    if (++steps_ > options.steps) {
        fail("livelock", "threads that only yield to each other");
    }
    for (std::size_t i = 0; i < thread_count_; ++i) {
        threads_[i].lets_go &= ~(1U << current_->id);
        if (&threads_[i] != current_ && can_run(threads_[i])) {
            current_->lets_go |= 1U << i;
        }
    }
    pass_on(true);
    current_->lets_go = 0;
}

bool Engine::is_shared(std::uintptr_t pc) const noexcept { return memory.is_shared(pc); }

void Engine::switch_to(Thread& next) {
    Thread& before = *std::exchange(current_, &next);
    ThreadVariables::save(before);
    ThreadVariables::put(next);
    swapcontext(&before.context, &next.context);
}

// --- threads -----------------------------------------------------------------------------------

std::size_t Engine::start_thread(void* (*entry)(void*), void* argument) {
    if (thread_count_ == max_threads) {
        fail("scenario", "more threads than the explorer has room for");
    }
    Thread& made = threads_[thread_count_];
    made.id = thread_count_++;
    made.state = Thread::State::ready;
    made.detached = made.timed = made.timed_out = false;
    made.lets_go = 0;
    made.waits_for = nullptr;
    made.past = current_ != nullptr ? mixed(current_->past, made.id) : 1;
    made.clock = current_ != nullptr ? current_->clock : Clock();
    made.seen_relaxed = made.released = made.fenced = Clock();
    made.fence = 0;
    made.clock.at[made.id] = 1;
    made.entry = entry;
    made.argument = argument;
    made.at_exit.clear();
    ThreadVariables::fresh(made);
    getcontext(&made.context);
    made.context.uc_stack.ss_sp = Region::stack(made.id);
    made.context.uc_stack.ss_size = Region::stack_size;
    made.context.uc_link = nullptr;
    makecontext(&made.context, trampoline, 0);
    if (current_ != nullptr) {
        tick();
    }
    return made.id;
}

void Engine::trampoline() {
    Thread& self = engine.current();
    engine.step();
    engine.watching_ = true;
    self.entry(self.argument);
    engine.watching_ = false;
    while (!self.at_exit.empty()) {
        const Thread::AtExit last = self.at_exit.back();
        self.at_exit.pop_back();
        engine.watching_ = true;
        last.destroy(last.object);
        engine.watching_ = false;
    }
    engine.finish();
}

void Engine::finish() {
    current_->state = Thread::State::finished;
    tick();
    wake(current_, true);
    bool others = false;
    for (std::size_t i = 0; i < thread_count_; ++i) {
        others = others || threads_[i].state != Thread::State::finished;
    }
    if (!others) {
        setcontext(&home_);
    }
    pass_on(false);
    std::abort();  // a finished thread is never chosen
}

void Engine::join(std::size_t id) {
    Thread& other = threads_.at(id);
    point();
    if (other.state != Thread::State::finished) {
        wait(&other, "join");
    }
    current_->clock.join(other.clock);
    happened(other.past);
}

// --- an execution ------------------------------------------------------------------------------

namespace {

void (*body)() = nullptr;

void* call_body(void*) {
    body();
    return nullptr;
}

}  // namespace

void Engine::run(void (*scenario)()) {
    body = scenario;
    choices.rewind();
    known_ = warming_up_;
    thread_count_ = 0;
    preemptions_ = surprises_ = steps_ = 0;
    now = 1'000'000'000'000;
    Trace::clear();
    heap.clear();
    memory.clear();
    Locks::clear();
    current_ = nullptr;
    const std::size_t first = start_thread(call_body, nullptr);
    current_ = &threads_[first];
    Thread outside;
    ThreadVariables::fresh(outside);
    ThreadVariables::save(outside);
    ThreadVariables::put(*current_);
    swapcontext(&home_, &current_->context);
    ThreadVariables::put(outside);
    if (const std::size_t left = heap.blocks(); left != 0) {
        fail("leak",
             std::to_string(left) + " allocations are left, the first of " +
                 std::to_string(heap.first_left()) + " bytes");
    }
}

void Engine::warm_up(void (*scenario)()) {
    warming_up_ = true;
    run(scenario);
    warming_up_ = false;
}

// --- what has gone wrong -----------------------------------------------------------------------

void Engine::deadlock() {
    std::string text;
    for (std::size_t i = 0; i < thread_count_; ++i) {
        const Thread& thread = threads_[i];
        if (thread.state == Thread::State::waiting) {
            text += (text.empty() ? "T" : ", T") + std::to_string(thread.id) + " waits in " +
                    thread.waits_in;
        }
    }
    fail("deadlock", text);
}

void Engine::fail(const char* kind, const std::string& text) {
    watching_ = false;
    std::printf("\n%s: %s: %s\n", name_, kind, text.c_str());
    Trace::print();
    std::printf("%s: FOUND %s: %s\n  again: EDDY_EXPLORE_SCHEDULE=%zu:%s\n",
                name_,
                kind,
                text.c_str(),
                rounds,
                choices.text().c_str());
    std::fflush(stdout);
    _exit(1);
}

}  // namespace explore
