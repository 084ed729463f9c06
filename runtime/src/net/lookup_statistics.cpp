// SPDX-License-Identifier: MIT
#include <eddy/net/lookup_statistics.hpp>

#include "net/lookup_threads.hpp"

namespace eddy::inline v0_1 {

LookupStatistics lookup_statistics() noexcept { return detail::LookupThreads::statistics(); }

}  // namespace eddy::inline v0_1
