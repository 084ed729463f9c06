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
    std::uint64_t bytes = 0;  // that were hashed
};

/// SHA-256 of a file's content, by OpenSSL. Blocks; gives up, with a problem, when asked to stop.
[[nodiscard]] Digest sha256(const std::filesystem::path& file, const std::stop_token& stop = {});

/// Reads a file and forgets it, to have it in the page cache.
void warm_up(const std::filesystem::path& file, const std::stop_token& stop);
