// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

/// What became of one file.
struct Digest {
    std::string hex;          // 64 digits; empty if it could not be read
    std::string problem;      // why not
    bool stopped = false;     // it was told to stop first: neither digest nor problem
    std::uint64_t bytes = 0;  // that were hashed
};

/// SHA-256 of a file's content, by OpenSSL. Blocks.
[[nodiscard]] Digest sha256(const std::stop_token& stop, const std::filesystem::path& file);

/// Reads a file and forgets it, to have it in the page cache.
void warm_up(const std::stop_token& stop, const std::filesystem::path& file);
