// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What the command line asks for.
struct Options {
    bool all = false;              // files, too
    bool sum = false;              // no directory below
    bool apparent = false;         // in bytes, and what is in a file, not what it takes
    bool human = false;            // 1.5M
    bool every_link = false;       // counts a file again for each of its names
    bool one_file_system = false;  // leaves out what is mounted
    std::size_t max_depth = static_cast<std::size_t>(-1);  // prints nothing that is deeper
    std::vector<std::string> paths;
    bool help = false;
};

extern const char* const usage;

/// Reads the arguments after the program's name. Nothing: `error` says what is wrong with them.
[[nodiscard]] std::optional<Options> parse(std::span<char* const> arguments, std::string& error);
