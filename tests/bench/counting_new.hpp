// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include "bench.hpp"

// Counts the heap allocations of a bench program. Not inline, as the language demands: included by
// the one source of the program. With glibc, whoever calls malloc directly, as Asio does for the
// frames of its coroutines, is counted too.

#ifdef __GLIBC__
extern "C" {
void* __libc_malloc(std::size_t size) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t size) noexcept;

void* malloc(std::size_t size) noexcept {
    ++bench::allocation_count;
    return __libc_malloc(size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++bench::allocation_count;
    return __libc_memalign(alignment, size);
}
}
#endif

// Not inlined: g++ would take the pair malloc and operator delete, seen apart, for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
#ifndef __GLIBC__
    ++bench::allocation_count;
#endif
    if (void* memory = std::malloc(size)) {
        return memory;
    }
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
