// SPDX-License-Identifier: MIT
// What code calls that was compiled with -fsanitize=thread, for every access to memory that is not
// provably its own. The interface is that of compiler-rt (sanitizer/tsan_interface*.h), which gcc
// and clang share; the library that usually stands behind it is not linked.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine.hpp"
#include "memory.hpp"
#include "trace.hpp"

namespace {

using explore::engine;

[[nodiscard]] std::uintptr_t number(const volatile void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address);
}

void plain(const volatile void* address, std::size_t size, bool write, void* pc) {
    if (engine.watching()) {
        const explore::Engine::Inside inside(engine);
        explore::memory.plain(number(address), size, write, number(pc));
    }
}

void point_at(std::uintptr_t pc) {
    if (engine.is_shared(pc)) {
        engine.point();
    }
}

template <class T>
T load(const volatile T* place, int order, void* pc) {
    if (!engine.watching()) {
        return __atomic_load_n(place, __ATOMIC_SEQ_CST);
    }
    const explore::Engine::Inside inside(engine);
    point_at(number(pc));
    return static_cast<T>(explore::memory.load(number(place), sizeof(T), order, number(pc)));
}

template <class T>
void store(volatile T* place, T value, int order, void* pc) {
    if (!engine.watching()) {
        __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
        return;
    }
    const explore::Engine::Inside inside(engine);
    point_at(number(pc));
    explore::memory.store(number(place), sizeof(T), value, order, number(pc));
}

template <class T, class Change>
T modify(volatile T* place, int order, void* pc, const char* what, Change change) {
    if (!engine.watching()) {
        const T old = *place;  // before the program's threads, or between executions
        *place = change(old);
        return old;
    }
    const explore::Engine::Inside inside(engine);
    point_at(number(pc));
    return static_cast<T>(explore::memory.modify(number(place),
                                                 sizeof(T),
                                                 order,
                                                 order,
                                                 number(pc),
                                                 what,
                                                 [&](std::uint64_t old, std::uint64_t& value) {
                                                     value = change(static_cast<T>(old));
                                                     return true;
                                                 }));
}

template <class T>
bool compare_exchange(
    volatile T* place, T* expected, T desired, int order, int failure, bool weak, void* pc) {
    if (!engine.watching()) {
        return __atomic_compare_exchange_n(
            place, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    const explore::Engine::Inside inside(engine);
    point_at(number(pc));
    bool spurious = false;
    if (weak && engine.is_shared(number(pc)) && engine.may_surprise()) {
        spurious = engine.choose(2, 6) != 0;
        if (spurious) {
            engine.happened(6);
            engine.surprise();
        }
    }
    bool done = false;
    const std::uint64_t old =
        explore::memory.modify(number(place),
                               sizeof(T),
                               order,
                               failure,
                               number(pc),
                               "cas",
                               [&](std::uint64_t seen, std::uint64_t& value) {
                                   done = !spurious && static_cast<T>(seen) == *expected;
                                   value = done ? desired : seen;
                                   return done;
                               });
    if (!done) {
        *expected = static_cast<T>(old);
    }
    return done;
}

}  // namespace

#define EXPLORE_PC __builtin_return_address(0)

// NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses)
extern "C" {

void __tsan_init();
void __tsan_func_entry(void*);
void __tsan_func_exit();
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

#define EXPLORE_PLAIN(prefix, size)                                                              \
    void __tsan_##prefix##read##size(void* address);                                             \
    void __tsan_##prefix##write##size(void* address);                                            \
    void __tsan_##prefix##read##size(void* address) { plain(address, size, false, EXPLORE_PC); } \
    void __tsan_##prefix##write##size(void* address) { plain(address, size, true, EXPLORE_PC); }

#define EXPLORE_PLAIN_SIZES(prefix) \
    EXPLORE_PLAIN(prefix, 1)        \
    EXPLORE_PLAIN(prefix, 2)        \
    EXPLORE_PLAIN(prefix, 4)        \
    EXPLORE_PLAIN(prefix, 8)        \
    EXPLORE_PLAIN(prefix, 16)

EXPLORE_PLAIN_SIZES()
EXPLORE_PLAIN_SIZES(unaligned_)
EXPLORE_PLAIN_SIZES(volatile_)

#define EXPLORE_READ_WRITE(size)                                                            \
    void __tsan_read_write##size(void* address);                                            \
    void __tsan_read_write##size(void* address) { plain(address, size, true, EXPLORE_PC); } \
    void __tsan_unaligned_read_write##size(void* address);                                  \
    void __tsan_unaligned_read_write##size(void* address) {                                 \
        plain(address, size, true, EXPLORE_PC);                                             \
    }

EXPLORE_READ_WRITE(1)
EXPLORE_READ_WRITE(2)
EXPLORE_READ_WRITE(4)
EXPLORE_READ_WRITE(8)
EXPLORE_READ_WRITE(16)

void __tsan_read_range(void* address, std::size_t size);
void __tsan_write_range(void* address, std::size_t size);
void __tsan_vptr_update(void** place, void* value);
void __tsan_vptr_read(void** place);
void __tsan_read_range(void* address, std::size_t size) { plain(address, size, false, EXPLORE_PC); }
void __tsan_write_range(void* address, std::size_t size) { plain(address, size, true, EXPLORE_PC); }
void __tsan_vptr_update(void** place, void* value) {
    if (*place != value) {
        plain(place, sizeof(void*), true, EXPLORE_PC);
    }
}
void __tsan_vptr_read(void** place) { plain(place, sizeof(void*), false, EXPLORE_PC); }

void* __tsan_memcpy(void* to, const void* from, std::size_t size);
void* __tsan_memmove(void* to, const void* from, std::size_t size);
void* __tsan_memset(void* to, int value, std::size_t size);
void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
    plain(from, size, false, EXPLORE_PC);
    plain(to, size, true, EXPLORE_PC);
    return std::memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, std::size_t size) {
    plain(from, size, false, EXPLORE_PC);
    plain(to, size, true, EXPLORE_PC);
    return std::memmove(to, from, size);
}
void* __tsan_memset(void* to, int value, std::size_t size) {
    plain(to, size, true, EXPLORE_PC);
    return std::memset(to, value, size);
}

#define EXPLORE_MODIFY(bits, name, what, expression)                                   \
    std::uint##bits##_t __tsan_atomic##bits##_##name(                                  \
        volatile std::uint##bits##_t* place, std::uint##bits##_t operand, int order);  \
    std::uint##bits##_t __tsan_atomic##bits##_##name(                                  \
        volatile std::uint##bits##_t* place, std::uint##bits##_t operand, int order) { \
        using T = std::uint##bits##_t;                                                 \
        return modify(place, order, EXPLORE_PC, what, [operand](T old) {               \
            return static_cast<T>(expression);                                         \
        });                                                                            \
    }

#define EXPLORE_ATOMIC(bits)                                                                   \
    std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t*, int);  \
    void __tsan_atomic##bits##_store(volatile std::uint##bits##_t*, std::uint##bits##_t, int); \
    int __tsan_atomic##bits##_compare_exchange_strong(                                         \
        volatile std::uint##bits##_t*, std::uint##bits##_t*, std::uint##bits##_t, int, int);   \
    int __tsan_atomic##bits##_compare_exchange_weak(                                           \
        volatile std::uint##bits##_t*, std::uint##bits##_t*, std::uint##bits##_t, int, int);   \
    std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                            \
        volatile std::uint##bits##_t*, std::uint##bits##_t, std::uint##bits##_t, int, int);    \
    std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* place,  \
                                                   int order) {                                \
        return load(place, order, EXPLORE_PC);                                                 \
    }                                                                                          \
    void __tsan_atomic##bits##_store(                                                          \
        volatile std::uint##bits##_t* place, std::uint##bits##_t value, int order) {           \
        store(place, value, order, EXPLORE_PC);                                                \
    }                                                                                          \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile std::uint##bits##_t* place,     \
                                                      std::uint##bits##_t* expected,           \
                                                      std::uint##bits##_t desired,             \
                                                      int order,                               \
                                                      int failure) {                           \
        return compare_exchange(place, expected, desired, order, failure, false, EXPLORE_PC);  \
    }                                                                                          \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile std::uint##bits##_t* place,       \
                                                    std::uint##bits##_t* expected,             \
                                                    std::uint##bits##_t desired,               \
                                                    int order,                                 \
                                                    int failure) {                             \
        return compare_exchange(place, expected, desired, order, failure, true, EXPLORE_PC);   \
    }                                                                                          \
    std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                            \
        volatile std::uint##bits##_t* place,                                                   \
        std::uint##bits##_t expected,                                                          \
        std::uint##bits##_t desired,                                                           \
        int order,                                                                             \
        int failure) {                                                                         \
        compare_exchange(place, &expected, desired, order, failure, false, EXPLORE_PC);        \
        return expected;                                                                       \
    }                                                                                          \
    EXPLORE_MODIFY(bits, exchange, "exchange", (static_cast<void>(old), operand))              \
    EXPLORE_MODIFY(bits, fetch_add, "add", old + operand)                                      \
    EXPLORE_MODIFY(bits, fetch_sub, "subtract", old - operand)                                 \
    EXPLORE_MODIFY(bits, fetch_and, "and", old& operand)                                       \
    EXPLORE_MODIFY(bits, fetch_or, "or", old | operand)                                        \
    EXPLORE_MODIFY(bits, fetch_xor, "xor", old ^ operand)                                      \
    EXPLORE_MODIFY(bits, fetch_nand, "nand", ~(old & operand))

EXPLORE_ATOMIC(8)
EXPLORE_ATOMIC(16)
EXPLORE_ATOMIC(32)
EXPLORE_ATOMIC(64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_thread_fence(int order) {
    if (engine.watching()) {
        const explore::Engine::Inside inside(engine);
        engine.point();
        explore::memory.fence(order);
    }
}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses)
