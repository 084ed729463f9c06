// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace scenarios {

/// What a scenario has done: who had which result at which virtual time. Each name has a line of
/// its own, in its order; what different names do at the same time has none.
///
///     trace.note("reader", "got 3");   // reader: 1000 got 3
///
/// Times are in milliseconds.
class Trace final {
public:
    void note(std::string_view who, std::string_view what);

    /// The lines, by name.
    [[nodiscard]] std::string text() const;
    /// FNV-1a of `text`.
    [[nodiscard]] std::uint64_t hash() const { return hash_of(text()); }
    [[nodiscard]] static std::uint64_t hash_of(std::string_view text) noexcept;

private:
    std::map<std::string, std::string, std::less<>> lines_;
};

}  // namespace scenarios
