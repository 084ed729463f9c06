// SPDX-License-Identifier: MIT
// What a reader shows and does not take: `peek` with `consume`, for parsers, and `wait_readable`.
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_stream.hpp>

#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::FrameReader;
using eddy::select;
using eddy::sleep_for;
using eddy::Task;

using Reader = eddy::BufferedReader<MemoryStream>;

}  // namespace

// --- peek and consume --------------------------------------------------------------------------

namespace {

/// Messages that end with a dot, by a parser that wants each of them whole.
Task<std::vector<std::string>> parse(MemoryStream& stream, bool& inside) {
    Reader reader(stream);
    std::vector<std::string> messages;
    while (true) {
        const std::size_t had = reader.buffered();
        const auto bytes = co_await reader.peek(had + 1);
        if (bytes.size() == had) {
            inside = had != 0;
            co_return messages;
        }
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        std::size_t parsed = 0;
        for (auto dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
            messages.emplace_back(text.substr(0, dot));
            text.remove_prefix(dot + 1);
            parsed += dot + 1;
        }
        reader.consume(parsed);
    }
}

}  // namespace

EDDY_TEST_CASE("a parser peeks until it has a message, and sees the end") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const bool cut = seed % 2 == 0;
        auto [from, to] = memory_stream_pair({.capacity = 1 + seed % 7, .seed = seed});
        auto feeding = eddy::spawn(
            [](MemoryStream stream, bool cut_short) -> Task<> {
                co_await stream.write_all("one.two..three.");
                if (cut_short) {
                    co_await stream.write_all("fo");
                }
            },
            std::move(from),
            cut);
        bool inside = !cut;
        const auto messages = co_await parse(to, inside);
        CHECK(messages == std::vector<std::string>{"one", "two", "", "three"});
        CHECK(inside == cut);
        co_await feeding;
    }
}

EDDY_TEST_CASE("peek takes nothing, and shows fewer only at the end") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    co_await from.write_all("abcdef");
    const auto nothing = co_await reader.peek(0);
    CHECK(nothing.size() <= 6);
    const auto all = co_await reader.peek(2);
    CHECK(text_of(all) == "abcdef");
    reader.consume(2);
    CHECK(text_of(all) == "abcdef");  // it stays where it is
    CHECK(reader.buffered() == 4);
    const auto lost = co_await select(reader.peek(5), sleep_for(1ms));
    CHECK(lost.index() == 1);
    from.close();
    const auto fewer = co_await reader.peek(5);
    CHECK(text_of(fewer) == "cdef");
    const auto rest = co_await reader.read_line();
    CHECK(rest == "cdef");
    const auto end = co_await reader.peek();
    CHECK(end.empty());
    const auto again = co_await reader.peek();
    CHECK(again.empty());
}

EDDY_TEST_CASE("peek holds to its limit, and consume to what is buffered") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    co_await from.write_all("12345");
    bool refused = false;
    try {
        static_cast<void>(co_await reader.peek(6, 5));
    } catch (const eddy::LimitExceeded&) {
        refused = true;
    }
    CHECK(refused);
    const auto five = co_await reader.peek(5, 5);
    CHECK(text_of(five) == "12345");
    CHECK_THROWS_AS(reader.consume(6), std::invalid_argument);
    CHECK_THROWS_AS(reader.consume(-1), std::invalid_argument);
    CHECK(reader.buffered() == 5);
    reader.consume(5);
    CHECK_THROWS_AS(reader.consume(1), std::invalid_argument);
    bool negative = false;
    try {
        static_cast<void>(co_await reader.peek(-1));
    } catch (const std::invalid_argument&) {
        negative = true;
    }
    CHECK(negative);
}

// --- wait_readable -----------------------------------------------------------------------------

EDDY_TEST_CASE("wait_readable of a reader waits only if nothing is buffered") {
    auto [from, to] = memory_stream_pair();
    Reader reader(to);
    FrameReader frames(to);
    const auto nothing = co_await select(reader.wait_readable(), sleep_for(1ms));
    CHECK(nothing.index() == 1);
    co_await from.write_all("line\nrest");
    const auto line = co_await reader.read_line();
    CHECK(line == "line");
    CHECK(to.readable() == 0);
    const auto buffered = co_await select(reader.wait_readable(), sleep_for(1ms));
    CHECK(buffered.index() == 0);
    const auto none = co_await select(frames.wait_readable(), sleep_for(1ms));
    CHECK(none.index() == 1);
    co_await from.write_all("x");
    const auto there = co_await select(frames.wait_readable(), sleep_for(1ms));
    CHECK(there.index() == 0);
    CHECK(to.readable() == 1);
    from.close();
    co_await frames.wait_readable();
}
