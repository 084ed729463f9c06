// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

/// What a storm is made of. A storm does one thing so often that what goes wrong seldom does go
/// wrong, and what is left behind each time adds up.

namespace storms {

/// A file `NAME_storm.cpp` has one, called `NAME`.
struct Storm {
    const char* name;
    const char* what;  ///< of which there are `count`
    std::size_t few;   ///< with every test run: a second or two
    std::size_t many;  ///< every night: a few minutes
    bool (*run)(std::size_t count);
};

/// Makes a storm known to `main`, before that begins.
class Registered final {
public:
    explicit Registered(const Storm& storm);
};

/// Says what is not so; returns `good`.
[[nodiscard]] bool check(bool good, const char* what);

/// Resident memory in KiB.
[[nodiscard]] long resident_memory();
/// Bytes of the heap that are in use; 0 where nobody counts them.
[[nodiscard]] std::size_t heap_in_use();
/// How many descriptors are open.
[[nodiscard]] std::size_t descriptors();
/// Of the whole process.
[[nodiscard]] double processor_seconds();
/// As many descriptors as the hard limit has. Returns how many more there may be.
std::size_t raise_descriptor_limit();

/// Sanitizers keep what was freed, and weigh more: there, memory says nothing.
[[nodiscard]] constexpr bool memory_counts() noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#else
    return true;
#endif
#else
    return true;
#endif
}

}  // namespace storms
