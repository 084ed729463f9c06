// SPDX-License-Identifier: MIT
#pragma once

namespace explore {

/// Mutexes and condition variables, by their addresses.
class Locks {
public:
    static void clear();

    static void lock(const void* mutex);
    [[nodiscard]] static bool try_lock(const void* mutex);
    static void unlock(const void* mutex);

    /// False: its time was over before anybody notified.
    static bool wait(const void* condition, const void* mutex, bool timed);
    static void notify(const void* condition, bool all);
};

}  // namespace explore
