// SPDX-License-Identifier: MIT
// Two connections joined, against what either side has said.
//
// Laws, however the streams are cut, for buffers of any size:
// - what one side says arrives at the other, whole and in order, and so does its half-close, while
//   the other direction goes on; the bytes that are counted are those;
// - when a side resets, or the copy is cancelled, what has arrived is the beginning of what was
//   said, and the count is of the writes that have ended: at most one buffer more may have
//   arrived; the copy fails for a reset;
// - a buffer of no bytes is `std::invalid_argument`.
//
// Mistakes: last_byte_lost crossed_counts
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"
#include "pieces.hpp"

using eddy::CopiedBytes;
using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;
using eddy::testing::MemoryStream;

namespace {

/// One who talks through the copy.
struct Side {
    MemoryStream stream;
    std::string says;
    Bytes script;
    bool resets;
    std::string heard = {};
    bool heard_end = false;
};

Task<> talks(Side& side) {
    std::string_view text = side.says;
    try {
        while (!text.empty()) {
            const std::uint8_t cut = side.script.take_u8();
            const std::string_view piece = text.substr(0, 1 + cut % 64U);
            co_await side.stream.write_all(piece);
            text.remove_prefix(piece.size());
            if (cut >= 128) {
                co_await eddy::sleep_for(std::chrono::milliseconds(cut / 32));
            }
            if (side.resets && cut % 8 == 7) {
                side.stream.close_reset();
                co_return;
            }
        }
        co_await side.stream.shutdown();
    } catch (const eddy::BrokenResource&) {  // the other one has reset
    } catch (const eddy::ClosedResource&) {  // our own reader has
    }
}

Task<> listens(Side& side, std::size_t step) {
    std::string buffer(step, '\0');
    try {
        while (true) {
            const auto into = std::as_writable_bytes(std::span(buffer));
            const std::size_t length = co_await side.stream.read_some(into);
            side.heard.append(buffer, 0, length);
            if (length == 0) {
                side.heard_end = true;
                break;
            }
            if (step % 4 == 0) {
                co_await eddy::sleep_for(std::chrono::milliseconds(1));
            }
        }
    } catch (const eddy::BrokenResource&) {
    } catch (const eddy::ClosedResource&) {
    }
}

struct Joined {
    MemoryStream a;
    MemoryStream b;
    eddy::CopyOptions options;
    CopiedBytes progress = {};
    std::optional<CopiedBytes> result = {};
    bool failed = false;
    bool refused = false;
};

Task<> joins(Joined& joined, eddy::Duration patience) {
    joined.options.progress = &joined.progress;
    try {
        const auto bytes = co_await eddy::move_on_after(
            patience, eddy::copy_bidirectional(joined.a, joined.b, joined.options));
        if (bytes) {
            joined.result = *bytes;
        }
    } catch (const std::invalid_argument&) {
        joined.refused = true;
    } catch (const eddy::BrokenResource&) {
        joined.failed = true;
    }
    if (!joined.result) {
        joined.a.close_reset();
        joined.b.close_reset();
    }
}

/// One direction.
void check(const Side& from, const Side& to, std::uint64_t count, std::size_t buffer, bool whole) {
    FUZZ_REQUIRE(from.says.starts_with(to.heard));
    FUZZ_REQUIRE(count <= from.says.size());
    FUZZ_REQUIRE(to.heard.size() <= count + buffer);
    if (whole) {
        FUZZ_REQUIRE(to.heard.size() + (planted("last_byte_lost") ? 1 : 0) == from.says.size());
        FUZZ_REQUIRE(to.heard_end);
        FUZZ_REQUIRE(count == from.says.size());
    }
}

Task<> talk(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    const std::uint8_t sizes = input.take_u8();
    constexpr std::array<std::size_t, 8> buffer_sizes = {1, 2, 7, 64, 300, 16384, 131072, 131073};
    const auto capacity = static_cast<std::size_t>(input.pick(1, 512));
    auto [client, a] = eddy::testing::memory_stream_pair({.capacity = capacity, .seed = how});
    auto [b, server] = eddy::testing::memory_stream_pair({.capacity = 1U + sizes});
    Bytes first = eddy::fuzz::part(input, input.size() / 4);
    Bytes second = eddy::fuzz::part(input, input.size() / 4);
    const std::string request(eddy::fuzz::part(input, input.size() / 2).rest_text());
    const std::string answer = eddy::fuzz::repeated(input.rest_text(), how);
    Side left{std::move(client), request, first, how % 16 == 1};
    Side right{std::move(server), answer, second, how % 16 == 2};
    Joined joined{std::move(a), std::move(b), {.buffer_size = buffer_sizes[sizes % 8]}};
    if (how % 32 == 3) {
        joined.options.buffer_size = 0;
    }
    const auto patience =
        how % 8 == 4 ? std::chrono::milliseconds(sizes / 8) : std::chrono::hours(10);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(joins(joined, patience));
        group.spawn(talks(left));
        group.spawn(talks(right));
        group.spawn(listens(left, 1 + sizes % 64U));
        group.spawn(listens(right, 1 + how % 64U));
        co_return;
    });
    const bool whole = joined.result.has_value();
    const CopiedBytes bytes = planted("crossed_counts")
                                  ? CopiedBytes{joined.progress.b_to_a, joined.progress.a_to_b}
                                  : joined.progress;
    FUZZ_REQUIRE(joined.refused == (how % 32 == 3));
    FUZZ_REQUIRE(!joined.failed || left.resets || right.resets);
    FUZZ_REQUIRE(!whole ||
                 (joined.result->a_to_b == bytes.a_to_b && joined.result->b_to_a == bytes.b_to_a));
    // A side that resets may do so when all has been said and heard.
    const bool all = whole && !left.resets && !right.resets;
    const std::size_t buffer = joined.options.buffer_size;
    check(left, right, bytes.a_to_b, buffer, all);
    check(right, left, bytes.b_to_a, buffer, all);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(talk(input), {}, {.clock = &clock});
    return 0;
}
