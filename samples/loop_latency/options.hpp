// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

/// What the command line asks for.
struct Options {
    std::filesystem::path directory = "/usr/include";
    std::string json;  // a file's name; empty: none
    std::string sums;
    std::string svg;
    std::size_t threads = 0;    // 0: one for each processor but one
    std::size_t in_flight = 0;  // 0: twice the threads
    bool verbose = false;
    bool help = false;
};

extern const char* const usage;

/// Reads the arguments after the program's name. Nothing: `error` says what is wrong with them.
[[nodiscard]] std::optional<Options> parse(std::span<char* const> arguments, std::string& error);
