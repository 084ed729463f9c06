// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

// Clang links the sanitizers' own operator new into the program: there, nothing can be hooked.
#define EDDY_HEAP_HOOKS 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef EDDY_HEAP_HOOKS
#define EDDY_HEAP_HOOKS 0
#endif
#endif

/// What the `operator new` of a test executable can do for a test. Per thread; idle unless asked.

namespace eddy::testing {

struct HeapCounters {
    std::size_t allocations = 0;
    std::size_t releases = 0;
    std::ptrdiff_t bytes = 0;  ///< allocated and not released, where the C library can tell
};

/// Calls of operator new and delete by this thread so far; always 0 without EDDY_HEAP_HOOKS.
[[nodiscard]] HeapCounters heap_counters() noexcept;

/// While it lives, the n-th allocation of this thread from now, counted from zero, throws
/// `std::bad_alloc`; with `and_after`, so does every later one. For all threads: `Shortage`.
class FailAllocation final {
public:
    enum class Mode : bool { once, and_after };

    explicit FailAllocation(std::size_t nth, Mode mode = Mode::once) noexcept;
    FailAllocation(const FailAllocation&) = delete;
    FailAllocation& operator=(const FailAllocation&) = delete;
    ~FailAllocation() { stop(); }

    /// True once an allocation has failed. Everything succeeds from then on.
    bool stop() noexcept;
};

/// The same for all threads of the process together, the library's own among them. One at a time.
///
/// Each allocation that fails is remembered by how it was reached, the innermost sixteen calls.
class Shortage final {
public:
    using Mode = FailAllocation::Mode;

    explicit Shortage(std::size_t nth, Mode mode) noexcept;
    Shortage(const Shortage&) = delete;
    Shortage& operator=(const Shortage&) = delete;
    ~Shortage() { lift(); }

    /// True once an allocation has failed. There is memory again.
    static bool lift() noexcept;

    /// In how many different ways an allocation that failed was reached, since the process began.
    [[nodiscard]] static std::size_t sites() noexcept;
};

}  // namespace eddy::testing
