// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/histogram.hpp>
#include <eddy/task.hpp>

/// A job like any other that wants to run every millisecond, and notes by how much it is late each
/// time. Runs until it is cancelled.
///
/// Every beat that a stall made it miss counts too, as late as it would have been: one record for
/// a stall of 100 ms would hide it among the good ones.
[[nodiscard]] eddy::Task<> heartbeat(eddy::Histogram& lag);
