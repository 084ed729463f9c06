// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <eddy/task.hpp>
#include <eddy/thread_pool.hpp>

#include "way.hpp"

/// Three ways of hashing all files. Each fills `way` as it goes, so that an interrupted one shows
/// what it got to.
///
/// On the loop thread, as a program would that knows no better.
[[nodiscard]] eddy::Task<> hash_blocking(Way& way, Files files);
/// All of them at once on the pool: a job for each, which waits for its turn there.
[[nodiscard]] eddy::Task<> hash_offloaded(Way& way, Files files, eddy::ThreadPool& pool);
/// On the pool, but at most `in_flight` at a time, whatever there is.
[[nodiscard]] eddy::Task<> hash_bounded(Way& way,
                                        Files files,
                                        eddy::ThreadPool& pool,
                                        std::size_t in_flight);
