// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// The system's resolver, as this executable has it. Names that tests make up are not asked of
/// anybody; all others go on to the C library.
///
/// | a name that begins with | is                                                             |
/// |-------------------------|----------------------------------------------------------------|
/// | "blocked."              | unknown, but not while there is a `BlockedResolver`            |
/// | "known."                | the same, with addresses: 127.0.0.1, 127.0.0.2, 127.0.0.1, ::1 |
/// | "many.500"              | so many addresses from 10.0.0.0 on, each of them three times   |
/// | "status.3"              | what -3 of the resolver means, `EAI_AGAIN`, with an errno: EIO |
///
/// Unlike the other system calls, it can be replaced in every build.

namespace eddy::testing {

/// While it lives, lookups of names that begin with "blocked." or "known." take as long; in the
/// whole process. One at a time.
class BlockedResolver final {
public:
    BlockedResolver();
    BlockedResolver(const BlockedResolver&) = delete;
    BlockedResolver& operator=(const BlockedResolver&) = delete;
    ~BlockedResolver() { release(); }

    /// They all end, and so do those to come.
    void release();
    /// Those of one name end that are blocked now.
    void release(const std::string& name);

    /// How many have got as far as the resolver, blocked or not any more.
    [[nodiscard]] std::size_t blocked() const;
    /// The same of one name.
    [[nodiscard]] std::size_t blocked(const std::string& name) const;
    /// The name of the last of them.
    [[nodiscard]] std::string last() const;
};

}  // namespace eddy::testing
