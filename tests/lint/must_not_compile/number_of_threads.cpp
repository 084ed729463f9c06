// SPDX-License-Identifier: MIT
// A field of options takes whole numbers too.

#include <eddy/thread_pool.hpp>

void correct(eddy::ThreadPoolOptions& options, int threads) { options.threads = threads; }

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::ThreadPoolOptions& options, double threads) { options.threads = threads; }
#endif
