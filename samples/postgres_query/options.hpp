// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What the command line asks for.
struct Options {
    std::size_t connections = 4;
    std::size_t repeat = 1;
    std::optional<std::chrono::milliseconds> timeout;
    std::string connection_info;
    std::string sql;
    std::vector<std::string> parameters;
    bool help = false;
};

extern const char* const usage;

/// Reads the arguments after the program's name. Nothing: `error` says what is wrong with them.
[[nodiscard]] std::optional<Options> parse(std::span<char* const> arguments, std::string& error);
