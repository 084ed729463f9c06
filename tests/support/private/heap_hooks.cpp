// SPDX-License-Identifier: MIT
#include "heap_hooks.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

namespace eddy::testing {

#if !EDDY_HEAP_HOOKS

HeapCounters heap_counters() noexcept { return {}; }

}  // namespace eddy::testing

#else

namespace {

struct Heap {
    HeapCounters counters;
    bool armed;
    bool and_after;
    bool failed;
    std::size_t left;

    [[nodiscard]] bool must_fail() noexcept {
        if (!armed) {
            return false;
        }
        if (left != 0) {
            --left;
            return false;
        }
        armed = and_after;
        failed = true;
        return true;
    }
};

constinit thread_local Heap heap{};

}  // namespace

HeapCounters heap_counters() noexcept { return heap.counters; }

FailAllocation::FailAllocation(std::size_t nth, Mode mode) noexcept {
    heap.armed = true;
    heap.and_after = mode == Mode::and_after;
    heap.failed = false;
    heap.left = nth;
}

bool FailAllocation::stop() noexcept {
    heap.armed = false;
    return heap.failed;
}

namespace {

void* allocate(std::size_t size) {
    if (heap.must_fail()) {
        throw std::bad_alloc();
    }
    ++heap.counters.allocations;
    if (void* memory = std::malloc(size != 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}

void release(void* memory) noexcept {
    heap.counters.releases += memory != nullptr ? 1 : 0;
    std::free(memory);
}

}  // namespace

}  // namespace eddy::testing

// Not inlined: g++ would take the pair malloc and operator delete, seen apart, for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) { return eddy::testing::allocate(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { eddy::testing::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    eddy::testing::release(memory);
}

#endif
