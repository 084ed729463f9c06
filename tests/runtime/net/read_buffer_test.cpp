// SPDX-License-Identifier: MIT
#include <eddy/detail/read_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/error.hpp>

#include "heap_hooks.hpp"

// What goes back into the buffer of a reader, with memory and without. (What readers do with it is
// in buffered_reader_test.cpp.)

namespace {

using eddy::detail::ReadBuffer;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

void receive(ReadBuffer& buffer, std::string_view text) {
    const std::span<std::byte> room = buffer.prepare();
    REQUIRE(room.size() >= text.size());
    std::ranges::copy(bytes_of(text), room.begin());
    buffer.commit(text.size());
}

}  // namespace

TEST_CASE("bytes that are unread again come before those that are there") {
    ReadBuffer buffer;
    receive(buffer, "..cdef");
    buffer.consume(2);
    buffer.put_back(bytes_of("ab"));
    CHECK(buffer.text() == "abcdef");
    buffer.put_back({});
    CHECK(buffer.text() == "abcdef");
    const std::string much(100'000, 'x');
    buffer.put_back(bytes_of(much));
    CHECK(buffer.text() == much + "abcdef");
    const ReadBuffer::Use use(buffer);
    CHECK_THROWS_AS(ReadBuffer::Use{buffer}, eddy::BusyResource);
}

#if EDDY_HEAP_HOOKS

TEST_CASE(
    "without memory for bytes that are unread again, every later use says that some are lost") {
    std::thread([] {  // which has kept no memory
        ReadBuffer buffer;
        receive(buffer, "rest");
        const std::string much(100'000, 'x');
        {
            eddy::testing::FailAllocation none(0, eddy::testing::FailAllocation::Mode::and_after);
            buffer.put_back(bytes_of(much));
            CHECK(none.stop());
        }
        CHECK(buffer.text() == "rest");
        CHECK_THROWS_AS(ReadBuffer::Use{buffer}, eddy::BrokenResource);
    })
        .join();
}

#endif
