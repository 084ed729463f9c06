// SPDX-License-Identifier: MIT
// Every door of the runtime that takes a number of things; see the primitives' test of that name.

#include <eddy/detail/whole_number.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/histogram.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/retry.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>

using eddy::Task;
using eddy::detail::Amount;
using eddy::detail::Count;

namespace {

using Reader = eddy::BufferedReader<eddy::testing::MemoryStream>;

Task<int> same(int number) { co_return number; }

#define DOOR(Name, call)                                                  \
    struct Name {                                                         \
        template <class N>                                                \
        auto operator()(N n) const -> decltype(static_cast<void>(call)) { \
            static_cast<void>(call);                                      \
        }                                                                 \
    }

DOOR(MapLimit, eddy::map_bounded(n, std::vector<int>(), same));
DOOR(MapSettledLimit, eddy::map_bounded_settled(n, std::vector<int>(), same));
DOOR(ServeConnections, eddy::Server({.max_connections = n}));
DOOR(FrameLimit, eddy::detail::FrameCodec({.limit = n}));
DOOR(FrameLength, eddy::detail::FrameCodec({.length_bytes = n}));
DOOR(CopyBuffer, eddy::detail::make_copy_buffer({.buffer_size = n}));
DOOR(Attempts, eddy::detail::Retrying({.attempts = n}));
DOOR(HistogramTimes, eddy::Histogram().record(1, n));
DOOR(ReadExactly, std::declval<Reader&>().read_exactly(n));
DOOR(ReadLine, std::declval<Reader&>().read_line(n));
DOOR(ReadUntil, std::declval<Reader&>().read_until(std::string_view(";"), n));
DOOR(TcpBacklog, eddy::TcpListener::listen(eddy::Address(), {.backlog = n}));
DOOR(KeepAliveCount, (eddy::KeepAlive{.count = n}));

template <class... Door>
constexpr bool take_whole_numbers =
    ((std::invocable<Door, int> && std::invocable<Door, unsigned> &&
      std::invocable<Door, std::size_t> && !std::invocable<Door, double> &&
      !std::invocable<Door, float> && !std::invocable<Door, bool>) &&
     ...);
static_assert(take_whole_numbers<MapLimit,
                                 MapSettledLimit,
                                 ServeConnections,
                                 FrameLimit,
                                 FrameLength,
                                 CopyBuffer,
                                 Attempts,
                                 HistogramTimes,
                                 ReadExactly,
                                 ReadLine,
                                 ReadUntil,
                                 TcpBacklog,
                                 KeepAliveCount>);

template <class T>
concept Records = requires(eddy::Histogram histogram, T value) { histogram.record(value); };
static_assert(Records<int> && Records<std::int64_t> && Records<eddy::Duration>);
static_assert(!Records<double> && !Records<float>);
static_assert(noexcept(std::declval<eddy::Histogram&>().record(1)));

// Nothing happens to a number that is constant.
constexpr Count five = 5;
static_assert(five == 5U && std::is_trivially_copyable_v<Count>);
static_assert(std::is_nothrow_constructible_v<Amount, std::uint64_t>);

}  // namespace

TEST_CASE("a number that does not fit is an error that says so") {
    CHECK_THROWS_WITH_AS(static_cast<void>(Count(-7).checked("a door")),
                         "a door: -7 is negative",
                         std::invalid_argument);
    CHECK_THROWS_WITH_AS(
        static_cast<void>(Amount(std::numeric_limits<std::uint64_t>::max()).checked("a door")),
        "a door: the number is larger than 9223372036854775807",
        std::invalid_argument);
    CHECK(Amount(-7).checked("a door") == -7);
    CHECK(Count(std::numeric_limits<std::size_t>::max()).checked("a door") ==
          std::numeric_limits<std::size_t>::max());
    CHECK(eddy::detail::WholeNumber<int>('a').checked("a door") == 97);
}

TEST_CASE_TEMPLATE("a negative number of things is an error, never a large one",
                   Door,
                   MapLimit,
                   MapSettledLimit,
                   ServeConnections,
                   FrameLimit,
                   FrameLength,
                   CopyBuffer,
                   Attempts,
                   HistogramTimes) {
    CHECK_THROWS_AS(Door()(-1), std::invalid_argument);
    CHECK_THROWS_AS(Door()(std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
    CHECK_NOTHROW(Door()(3));
}

EDDY_TEST_CASE("a negative limit of a read is an error, and nothing was read") {
    auto [one, two] = eddy::testing::memory_stream_pair();
    co_await two.write_all("line\n");
    eddy::BufferedReader reader(one);
    CHECK_THROWS_AS(co_await reader.read_line(-1), std::invalid_argument);
    CHECK_THROWS_AS(co_await reader.read_until(";", -1), std::invalid_argument);
    CHECK_THROWS_AS(co_await reader.read_exactly(-1), std::invalid_argument);
    const auto line = co_await reader.read_line();
    CHECK(line == "line");
}
