// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

/// What was found wrong, and the hash of all that happened.
class Findings final {
public:
    /// Something must hold; if it does not, `what` says what was wrong, and when.
    void expect(bool holds, std::string_view what);
    /// Something has happened, at this virtual time; order counts.
    void happened(std::string_view what, std::uint64_t number = 0);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// The first of them.
    [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }

private:
    void mix(std::uint64_t number) noexcept;

    std::uint64_t count_ = 0;
    std::vector<std::string> texts_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
    std::uint64_t events_ = 0;
};

}  // namespace simulation
