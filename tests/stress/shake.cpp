// SPDX-License-Identifier: MIT
// A library to preload into a test program: it holds threads up at random where they meet (before
// and after they lock, wake a loop, start and join), so that what seldom comes first does. It finds
// tests, and code, that count on the usual order. tests/shake.sh runs it; by hand:
//
//   SHAKE=7 LD_PRELOAD=build/dev/tests/stress/libeddy_shake.so build/dev/tests/executor_tests
//
// SHAKE is the seed; SHAKE_PERMILLE says how many of those places hold a thread up (default 30),
// and SHAKE_MICROSECONDS for how long at most (default 2,000). At the end it says how often it did.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <random>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace {

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Settings {
    std::uint64_t seed = number("SHAKE", 1);
    std::uint64_t permille = number("SHAKE_PERMILLE", 30);
    std::uint64_t microseconds = number("SHAKE_MICROSECONDS", 2000) + 1;
};

struct Count {
    ~Count() { std::fprintf(stderr, "[shake] held threads up %llu times\n", held_up.load()); }
    std::atomic<unsigned long long> held_up{0};
};
Count count;

std::atomic<std::uint64_t> threads{0};

void hold_up() {
    static const Settings settings;
    thread_local std::mt19937_64 random(settings.seed * 0x10001U + ++threads);
    if (random() % 1000 < settings.permille) {
        ++count.held_up;
        std::this_thread::sleep_for(std::chrono::microseconds(random() % settings.microseconds));
    }
}

template <class F>
F* next(const char* name) {
    return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static auto* const real = next<int(pthread_mutex_t*)>("pthread_mutex_lock");
    hold_up();
    return real(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    static auto* const real = next<int(pthread_mutex_t*)>("pthread_mutex_unlock");
    const int result = real(mutex);
    hold_up();
    return result;
}

int pthread_create(pthread_t* thread,
                   const pthread_attr_t* attributes,
                   void* (*function)(void*),
                   void* argument) noexcept {
    static auto* const real =
        next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
    hold_up();
    const int result = real(thread, attributes, function, argument);
    hold_up();
    return result;
}

int pthread_join(pthread_t thread, void** result) {
    static auto* const real = next<int(pthread_t, void**)>("pthread_join");
    hold_up();
    return real(thread, result);
}

int sched_yield() noexcept {
    static auto* const real = next<int()>("sched_yield");
    hold_up();
    return real();
}

/// Eight bytes are what wakes a loop.
ssize_t write(int descriptor, const void* bytes, std::size_t size) {
    static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
    if (size == sizeof(std::uint64_t)) {
        hold_up();
    }
    return real(descriptor, bytes, size);
}
}
