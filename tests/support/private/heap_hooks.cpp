// SPDX-License-Identifier: MIT
#include "heap_hooks.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <execinfo.h>
#include <new>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace eddy::testing {

#if !EDDY_HEAP_HOOKS

HeapCounters heap_counters() noexcept { return {}; }

Shortage::Shortage(std::size_t, Mode) noexcept {}
bool Shortage::lift() noexcept { return false; }
std::size_t Shortage::sites() noexcept { return 0; }

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

// --- of all threads ----------------------------------------------------------------------------

/// Where they failed: hashes of call chains, in a table that needs no memory.
class Sites final {
public:
    void add(std::uint64_t hash) noexcept {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            std::uint64_t found = 0;
            if (slots_[(hash + i) % slots_.size()].compare_exchange_strong(found, hash)) {
                count_.fetch_add(1);
                return;
            }
            if (found == hash) {
                return;
            }
        }
    }
    [[nodiscard]] std::size_t count() const noexcept { return count_.load(); }

private:
    std::array<std::atomic<std::uint64_t>, 16'384> slots_{};
    std::atomic<std::size_t> count_{0};
};

constinit Sites all_sites;

/// Addresses are of one run: fine for counting.
void note_site() noexcept {
    constexpr int depth = 20;
    constexpr int own = 4;  // this one, and those down to operator new
    void* calls[depth];
    const int count = backtrace(calls, depth);
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (int i = own; i < count; ++i) {
        hash = (hash ^ reinterpret_cast<std::uintptr_t>(calls[i])) * 0x100000001b3U;
    }
    all_sites.add(hash | 1U);
}

struct Everywhere {
    std::atomic<bool> armed;
    std::atomic<bool> and_after;
    std::atomic<bool> failed;
    std::atomic<std::ptrdiff_t> left;

    [[nodiscard]] bool must_fail() noexcept {
        if (!armed.load(std::memory_order_relaxed)) {
            return false;
        }
        const std::ptrdiff_t before = left.fetch_sub(1);
        if (before > 0 || (before < 0 && !and_after.load())) {
            return false;
        }
        failed.store(true);
        note_site();
        return true;
    }
};

constinit Everywhere everywhere{};

}  // namespace

Shortage::Shortage(std::size_t nth, Mode mode) noexcept {
    void* warm[1];
    static_cast<void>(backtrace(warm, 1));  // loads a library the first time
    everywhere.failed = false;
    everywhere.and_after = mode == Mode::and_after;
    everywhere.left = static_cast<std::ptrdiff_t>(nth);
    everywhere.armed = true;
}

bool Shortage::lift() noexcept {
    everywhere.armed = false;
    return everywhere.failed;
}

std::size_t Shortage::sites() noexcept { return all_sites.count(); }

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

std::ptrdiff_t size_of([[maybe_unused]] void* memory) noexcept {
#ifdef __GLIBC__
    return static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
#else
    return 0;
#endif
}

void* allocate(std::size_t size) {
    if (heap.must_fail() || everywhere.must_fail()) {
        throw std::bad_alloc();
    }
    ++heap.counters.allocations;
    if (void* memory = std::malloc(size != 0 ? size : 1)) {
        heap.counters.bytes += size_of(memory);
        return memory;
    }
    throw std::bad_alloc();
}

void* allocate_aligned(std::size_t size, std::size_t alignment) {
    if (heap.must_fail() || everywhere.must_fail()) {
        throw std::bad_alloc();
    }
    ++heap.counters.allocations;
    // A multiple of the alignment, as the standard asks.
    if (void* memory = std::aligned_alloc(alignment, (size / alignment + 1) * alignment)) {
        return memory;
    }
    throw std::bad_alloc();
}

void release(void* memory) noexcept {
    heap.counters.releases += memory != nullptr ? 1 : 0;
    heap.counters.bytes -= size_of(memory);
    std::free(memory);
}

}  // namespace

}  // namespace eddy::testing

// Not inlined: g++ would take the pair malloc and operator delete, seen apart, for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) { return eddy::testing::allocate(size); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return eddy::testing::allocate_aligned(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    eddy::testing::release(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    eddy::testing::release(memory);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { eddy::testing::release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    eddy::testing::release(memory);
}

#endif
