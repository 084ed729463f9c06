// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>
#include <cstdlib>

#include <doctest/doctest.h>

#include <eddy/testing/run_counts.hpp>

#include "descriptor_count.hpp"

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int result = context.run();
    if (std::getenv("EDDY_SEEDS") != nullptr && !context.shouldExit()) {
        const eddy::testing::RunCounts& counts = eddy::testing::run_counts();
        std::printf(
            "[eddy] %llu runs of coroutine tests under random schedules, %llu random programs, "
            "%llu runs cancelled at one of %llu checkpoints\n",
            static_cast<unsigned long long>(counts.seeded),
            static_cast<unsigned long long>(counts.programs),
            static_cast<unsigned long long>(counts.cancelled),
            static_cast<unsigned long long>(counts.checkpoints));
    }
    return result == 0 && eddy::testing::descriptors_leaked() ? 1 : result;
}
