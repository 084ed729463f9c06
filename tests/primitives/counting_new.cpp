// SPDX-License-Identifier: MIT
#include "counting_new.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
constinit thread_local std::uint64_t count = 0;
}

namespace eddy::testing {
std::uint64_t allocations() noexcept { return count; }
}  // namespace eddy::testing

// Clang links the sanitizers' own operator new into the program: there, nothing is counted.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EDDY_TESTS_DO_NOT_COUNT
#endif
#endif

#ifndef EDDY_TESTS_DO_NOT_COUNT
void* operator new(std::size_t size) {
    ++count;
    if (void* memory = std::malloc(size != 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif
