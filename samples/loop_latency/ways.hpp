// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <eddy/histogram.hpp>
#include <eddy/task.hpp>
#include <eddy/thread_pool.hpp>

#include "digest.hpp"

/// One way of hashing all files, and how the loop fared meanwhile.
struct Way {
    std::string name;
    std::vector<Digest> digests;  // one for each file, empty ones if it was interrupted
    std::size_t files = 0;        // hashed
    std::size_t failed = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
    bool complete = false;
    eddy::Histogram lag;  // nanoseconds

    [[nodiscard]] double mb_per_s() const {
        return seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0;
    }
};

using Files = std::span<const std::filesystem::path>;

/// Reads everything once, so that the first way does not pay for the disk.
[[nodiscard]] eddy::Task<> warm_page_cache(eddy::ThreadPool& pool, Files files);

/// How late the heartbeat is on a loop with nothing else to do.
[[nodiscard]] eddy::Task<> measure_idle(eddy::Histogram& lag);

/// Each fills `way` as it goes, so that an interrupted one shows what it got to.
[[nodiscard]] eddy::Task<> hash_blocking(Way& way, Files files);
[[nodiscard]] eddy::Task<> hash_offloaded(Way& way, Files files, eddy::ThreadPool& pool);
[[nodiscard]] eddy::Task<> hash_bounded(Way& way,
                                        Files files,
                                        eddy::ThreadPool& pool,
                                        std::size_t in_flight);
