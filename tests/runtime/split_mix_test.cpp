// SPDX-License-Identifier: MIT
#include <eddy/detail/split_mix.hpp>

#include <cstdint>
#include <initializer_list>

#include <doctest/doctest.h>

TEST_CASE("splitmix64 gives the numbers that others' give") {
    eddy::detail::SplitMix random(1234567);
    for (const std::uint64_t expected : {6457827717110365317U,
                                         3203168211198807973U,
                                         9817491932198370423U,
                                         4593380528125082431U,
                                         16408922859458223821U}) {
        CHECK(random.next() == expected);
    }
}
