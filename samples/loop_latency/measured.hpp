// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/histogram.hpp>
#include <eddy/task.hpp>
#include <eddy/thread_pool.hpp>

#include "way.hpp"

/// Reads everything once, so that the first way does not pay for the disk.
[[nodiscard]] eddy::Task<> warm_page_cache(eddy::ThreadPool& pool, Files files);

/// How late the heartbeat is on a loop with nothing else to do.
[[nodiscard]] eddy::Task<> measure_idle(eddy::Histogram& lag);

/// Does `work`, one of the ways, with a heartbeat beside it; fills in `way.lag` and `way.seconds`,
/// also when it is interrupted. On a terminal a line on standard error shows how far it is.
[[nodiscard]] eddy::Task<> measured(Way& way, eddy::Task<> work);
