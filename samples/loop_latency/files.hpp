// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "problems.hpp"

/// What there is to hash, and what there is not.
struct FileList {
    std::vector<std::filesystem::path> files;  // regular files, in order of path
    std::size_t links = 0;                     // symbolic links, not followed
    std::size_t others = 0;                    // sockets, devices and the like
    Problems problems;                         // what could not be looked at, and why
};

/// Walks the tree below `directory`. One that cannot be entered is a problem, and the rest goes on.
[[nodiscard]] FileList list_files(const std::filesystem::path& directory);
