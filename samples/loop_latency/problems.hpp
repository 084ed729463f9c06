// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "way.hpp"

/// What went wrong, by kind.
class Problems {
public:
    enum class Kind { directory, entry, file, change };

    void add(Kind kind, std::string text) {
        texts_[static_cast<std::size_t>(kind)].push_back(std::move(text));
    }
    [[nodiscard]] bool empty() const;

    /// One line for each; but more than ten of one kind are counted, unless `all` are wanted.
    void print(std::ostream& out, bool all) const;

private:
    static constexpr std::size_t kinds = 4;

    std::array<std::vector<std::string>, kinds> texts_;
};

/// Adds the files that some way could not hash, or that changed between two ways, once each.
void check_ways(std::span<const Way> ways, Files files, Problems& problems);
