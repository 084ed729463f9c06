// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <eddy/histogram.hpp>

#include "digest.hpp"

using Files = std::span<const std::filesystem::path>;

/// One way of hashing all files, and how the loop fared meanwhile.
struct Way {
    Way(std::string the_name, std::size_t total) : name(std::move(the_name)), digests(total) {}

    /// What became of the file at `index`. One that was told to stop is as if not begun.
    void take(std::size_t index, Digest digest) {
        if (digest.stopped) {
            return;
        }
        bytes += digest.bytes;
        (digest.hex.empty() ? failed : files) += 1;
        digests[index] = std::move(digest);
    }

    [[nodiscard]] bool complete() const { return files + failed == digests.size(); }
    [[nodiscard]] double mb_per_s() const {
        return seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0;
    }

    std::string name;
    std::vector<Digest> digests;  // one for each file, empty where the way did not get to
    std::size_t files = 0;        // hashed
    std::size_t failed = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
    eddy::Histogram lag;  // of the heartbeat, in nanoseconds
};
