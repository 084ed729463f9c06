// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace explore {

/// What an execution has done, for people to read when it has failed.
class Trace {
public:
    struct Event {
        std::size_t thread;
        const char* what;
        std::uintptr_t address;
        std::uint64_t value;
        std::uintptr_t pc;  ///< where in the program; 0: nowhere
        int order;          ///< of an atomic operation; -1: of none
        bool stale;         ///< saw less than the newest
    };

    static void clear() noexcept;
    static void add(const Event& event);
    /// Onto standard output, with source lines where addr2line can tell them.
    static void print();
    /// The source line of `pc`, or nothing.
    [[nodiscard]] static std::string line_of(std::uintptr_t pc);
};

}  // namespace explore
