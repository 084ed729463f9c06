// SPDX-License-Identifier: MIT
// The program's own versions of what it asks the C and C++ libraries for: threads, locks, time and
// memory. Outside an execution they call the real ones.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "engine.hpp"
#include "heap.hpp"
#include "locks.hpp"

namespace {

using explore::engine;
using Inside = explore::Engine::Inside;

/// The one that would be called if this program had none of its own.
template <class F>
[[nodiscard]] F* real(const char* name) {
    return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

constexpr pthread_t first_thread = 0x10000;  // no address of a real one

[[nodiscard]] void* allocate(std::size_t size, std::size_t alignment) {
    if (engine.watching() && !engine.warming_up()) {
        const Inside inside(engine);
        return explore::heap.allocate(size, alignment);
    }
    void* const memory =
        alignment > alignof(std::max_align_t)
            ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
            : std::malloc(size != 0 ? size : 1);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void release(void* memory, void* pc) noexcept {
    if (memory == nullptr) {
        return;
    }
    if (!explore::heap.has(memory)) {
        std::free(memory);
    } else if (engine.watching()) {
        const Inside inside(engine);
        explore::heap.release(memory, reinterpret_cast<std::uintptr_t>(pc));
    }
}

void wait_until(const timespec& time, bool notified) {
    const std::uint64_t end = static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
                              static_cast<std::uint64_t>(time.tv_nsec);
    if (!notified && engine.now < end) {
        engine.now = end;
    }
}

}  // namespace

// --- memory ------------------------------------------------------------------------------------

#define EXPLORE_PC __builtin_return_address(0)

void* operator new(std::size_t size) { return allocate(size, 0); }
void* operator new[](std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 0); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 0); }
void operator delete(void* memory) noexcept { release(memory, EXPLORE_PC); }
void operator delete[](void* memory) noexcept { release(memory, EXPLORE_PC); }
void operator delete(void* memory, std::size_t) noexcept { release(memory, EXPLORE_PC); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory, EXPLORE_PC); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory, EXPLORE_PC); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory, EXPLORE_PC); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    release(memory, EXPLORE_PC);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    release(memory, EXPLORE_PC);
}

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

// --- threads -----------------------------------------------------------------------------------

int pthread_create(pthread_t* made,
                   const pthread_attr_t* attributes,
                   void* (*entry)(void*),
                   void* argument) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_create)>("pthread_create")(made, attributes, entry, argument);
    }
    const Inside inside(engine);
    *made = first_thread + engine.start_thread(entry, argument);
    return 0;
}

int pthread_join(pthread_t thread, void** result) {
    if (!engine.watching()) {
        return real<decltype(pthread_join)>("pthread_join")(thread, result);
    }
    const Inside inside(engine);
    engine.join(thread - first_thread);
    return 0;
}

int pthread_detach(pthread_t thread) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_detach)>("pthread_detach")(thread);
    }
    const Inside inside(engine);
    engine.detach(thread - first_thread);
    return 0;
}

pthread_t pthread_self() noexcept {
    return engine.watching() ? first_thread + engine.current().id
                             : real<decltype(pthread_self)>("pthread_self")();
}

int pthread_setname_np(pthread_t thread, const char* name) noexcept {
    return engine.watching()
               ? 0
               : real<decltype(pthread_setname_np)>("pthread_setname_np")(thread, name);
}

int sched_yield() noexcept {
    if (!engine.watching()) {
        return real<decltype(sched_yield)>("sched_yield")();
    }
    const Inside inside(engine);
    engine.yield();
    return 0;
}

int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* dso) noexcept;
int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* dso) noexcept {
    if (!engine.watching()) {
        return real<decltype(__cxa_thread_atexit)>("__cxa_thread_atexit")(destroy, object, dso);
    }
    const Inside inside(engine);
    engine.current().at_exit.push_back({destroy, object});
    return 0;
}

// --- locks -------------------------------------------------------------------------------------

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_mutex_lock)>("pthread_mutex_lock")(mutex);
    }
    const Inside inside(engine);
    explore::Locks::lock(mutex);
    return 0;
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_mutex_trylock)>("pthread_mutex_trylock")(mutex);
    }
    const Inside inside(engine);
    return explore::Locks::try_lock(mutex) ? 0 : EBUSY;
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_mutex_unlock)>("pthread_mutex_unlock")(mutex);
    }
    const Inside inside(engine);
    explore::Locks::unlock(mutex);
    return 0;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    if (!engine.watching()) {
        return real<decltype(pthread_cond_wait)>("pthread_cond_wait")(condition, mutex);
    }
    const Inside inside(engine);
    explore::Locks::wait(condition, mutex, false);
    return 0;
}

int pthread_cond_clockwait(pthread_cond_t* condition,
                           pthread_mutex_t* mutex,
                           clockid_t clock,
                           const timespec* time) {
    if (!engine.watching()) {
        return real<decltype(pthread_cond_clockwait)>("pthread_cond_clockwait")(
            condition, mutex, clock, time);
    }
    const Inside inside(engine);
    const bool notified = explore::Locks::wait(condition, mutex, true);
    wait_until(*time, notified);
    return notified ? 0 : ETIMEDOUT;
}

int pthread_cond_timedwait(pthread_cond_t* condition,
                           pthread_mutex_t* mutex,
                           const timespec* time) {
    if (!engine.watching()) {
        return real<decltype(pthread_cond_timedwait)>("pthread_cond_timedwait")(
            condition, mutex, time);
    }
    const Inside inside(engine);
    const bool notified = explore::Locks::wait(condition, mutex, true);
    wait_until(*time, notified);
    return notified ? 0 : ETIMEDOUT;
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_cond_signal)>("pthread_cond_signal")(condition);
    }
    const Inside inside(engine);
    explore::Locks::notify(condition, false);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
    if (!engine.watching()) {
        return real<decltype(pthread_cond_broadcast)>("pthread_cond_broadcast")(condition);
    }
    const Inside inside(engine);
    explore::Locks::notify(condition, true);
    return 0;
}

// --- time --------------------------------------------------------------------------------------

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    if (!engine.watching()) {
        return real<decltype(clock_gettime)>("clock_gettime")(clock, time);
    }
    time->tv_sec = static_cast<time_t>(engine.now / 1'000'000'000U);
    time->tv_nsec = static_cast<long>(engine.now % 1'000'000'000U);
    return 0;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
