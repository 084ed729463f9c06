// SPDX-License-Identifier: MIT
// Messages with their length in front, read and written, against the bytes themselves.
//
// Laws, however the stream is cut, and wherever reads are cancelled:
// - options that make no sense are `std::invalid_argument`, and others are taken;
// - a read or a write that loses a `select` is as one that was cancelled;
// - a reader gives the frames that stand in the bytes, one after the other: it refuses one above
//   the limit as soon as its length is there, ends short exactly inside a frame, and is at the
//   end between two; a read that was cancelled, or refused, has read nothing;
// - what a writer sends is read on the other side, whole and in order; of a message above the limit
//   nothing is written; when a write is cancelled, either nothing of it comes, or the connection
//   breaks behind the messages before it.
//
// Mistakes: order_swapped refused_half_written
#include <algorithm>
#include <bit>
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
#include <variant>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"
#include "pieces.hpp"

using eddy::Duration;
using eddy::FrameOptions;
using eddy::FrameReader;
using eddy::FrameWriter;
using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::End;
using eddy::fuzz::planted;
using eddy::fuzz::Read;
using eddy::testing::MemoryStream;
using What = eddy::fuzz::Read::What;

namespace {

/// As the input says; `FrameOptions` are checked where they are used.
struct Options {
    std::int64_t limit = 0;
    int length_bytes = 4;
    std::endian order = std::endian::big;

    [[nodiscard]] bool sensible() const {
        return limit >= 0 && length_bytes >= 1 && length_bytes <= 8;
    }
    [[nodiscard]] FrameOptions of_library() const {
        return {.limit = limit, .length_bytes = length_bytes, .order = order};
    }
    /// What the limit comes to: as many as the length has room for.
    [[nodiscard]] std::uint64_t most() const {
        const std::uint64_t room =
            length_bytes == 8 ? UINT64_MAX : (std::uint64_t{1} << (8 * length_bytes)) - 1;
        return std::min(static_cast<std::uint64_t>(limit), room);
    }
};

Options options_from(Bytes& input) {
    Options options;
    const std::uint8_t how = input.take_u8();
    options.length_bytes = how % 16 < 9 ? how % 16 : 1 + how % 3;
    options.order = (how & 16U) != 0 ? std::endian::little : std::endian::big;
    const std::uint8_t limit = input.take_u8();
    options.limit = limit < 128   ? limit
                    : limit < 192 ? 64 * 1024
                    : limit < 250 ? 250 + limit % 8
                    : limit < 253 ? INT64_MAX - limit
                                  : -1;
    return options;
}

// --- reading -----------------------------------------------------------------------------------

struct Expected {
    Read read;
    std::size_t consumed = 0;
};

Expected next_frame(std::string_view text, const Options& options) {
    const auto header = static_cast<std::size_t>(options.length_bytes);
    if (text.empty()) {
        return {{What::ended, {}}};
    }
    if (text.size() < header) {
        return {{What::cut_short, {}}};
    }
    std::uint64_t length = 0;
    const bool big = (options.order == std::endian::big) != planted("order_swapped");
    for (std::size_t i = 0; i < header; ++i) {
        length = length << 8U | static_cast<std::uint8_t>(text[big ? i : header - 1 - i]);
    }
    if (length > options.most()) {
        return {{What::limit, {}}};
    }
    if (length > text.size() - header) {
        return {{What::cut_short, {}}};
    }
    const auto size = static_cast<std::size_t>(length);
    return {{What::bytes, text.substr(header, size)}, header + size};
}

template <class S>
Task<Read> read_frame(FrameReader<S>& reader, Duration patience, bool selects) {
    try {
        if (selects) {
            const auto got = co_await eddy::select(eddy::sleep_for(patience), reader.next());
            co_return got.index() == 0 ? Read{What::cancelled, {}}
            : !std::get<1>(got).has_value()
                ? Read{What::ended, {}}
                : Read{What::bytes, eddy::fuzz::as_text(*std::get<1>(got))};
        }
        const auto got = co_await eddy::move_on_after(patience, reader.next());
        co_return !got      ? Read{What::cancelled, {}}
        : !got->has_value() ? Read{What::ended, {}}
                            : Read{What::bytes, eddy::fuzz::as_text(**got)};
    } catch (const std::exception&) {
        co_return Read{eddy::fuzz::what_of(std::current_exception()), {}};
    }
}

template <class S>
Task<> read_all(
    S& stream, std::string_view text, const Options& options, Bytes& script, bool may_break) {
    FrameReader<S> reader(stream, options.of_library());
    bool done = false;
    while (!done) {
        const std::uint8_t how = script.take_u8();
        const Duration patience =
            (how & 1U) != 0 ? std::chrono::milliseconds(how / 32) : Duration::max();
        const Read read = co_await read_frame(reader, patience, (how & 4U) != 0);
        if (read.what == What::cancelled) {
            continue;
        }
        if (read.what == What::broken) {
            FUZZ_REQUIRE(may_break);
            break;
        }
        const Expected expected = next_frame(text, options);
        FUZZ_REQUIRE(read.what == expected.read.what);
        FUZZ_REQUIRE(read.bytes == expected.read.bytes);
        // Whatever else it has come to, it comes to that again.
        done = read.what != What::bytes && script.empty();
        text.remove_prefix(expected.consumed);
        if ((how & 2U) != 0) {
            co_await eddy::sleep_for(std::chrono::milliseconds(2));  // more comes meanwhile
            FUZZ_REQUIRE(read.bytes == expected.read.bytes);
        }
    }
}

Task<> reads(Bytes& input, const Options& options) {
    const std::uint8_t how = input.take_u8();
    auto capacity = static_cast<std::size_t>(input.pick(1, 4096));
    Bytes cuts = eddy::fuzz::part(input, input.take_u8());
    Bytes script = eddy::fuzz::part(input, input.take_u8());
    const std::uint8_t times = input.take_u8();
    const std::string text = eddy::fuzz::repeated(input.rest_text(), times);
    const auto end = static_cast<End>(how % 4 % 3);
    capacity = text.size() > 1024 ? std::max<std::size_t>(capacity, 256) : capacity;  // in time
    auto [ours, theirs] = eddy::testing::memory_stream_pair({.capacity = capacity});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::fuzz::feed(std::move(theirs), text, cuts, end));
        MemoryStream stream = std::move(ours);
        eddy::fuzz::Plain plain(stream);
        if ((how & 128U) != 0) {
            co_await read_all(plain, text, options, script, end == End::reset);
        } else {
            co_await read_all(stream, text, options, script, end == End::reset);
        }
        group.cancel("read");
    });
}

// --- both sides --------------------------------------------------------------------------------

/// What has been sent, as far as its writer knows.
struct Sent {
    std::vector<std::string> messages;
    bool broken = false;  // the connection, within the message after these
};

Task<> send_all(MemoryStream stream, const Options& options, Bytes& script, Sent& sent) {
    FrameWriter<MemoryStream> writer(stream, options.of_library());
    while (!script.empty() && !sent.broken) {
        const std::uint8_t how = script.take_u8();
        const std::uint8_t length = script.take_u8();
        std::string message(length < 240 ? length % 24U : length * 8U, static_cast<char>(how));
        const Duration patience =
            (how & 1U) != 0 ? std::chrono::milliseconds(how % 8) : Duration::max();
        try {
            bool whole = false;
            if ((how & 8U) != 0) {
                const auto got =
                    co_await eddy::select(writer.send(message), eddy::sleep_for(patience));
                whole = got.index() == 0;
            } else {
                whole = co_await eddy::move_on_after(patience, writer.send(message));
            }
            if (whole) {
                FUZZ_REQUIRE(message.size() <= options.most());
                sent.messages.push_back(std::move(message));
            }
        } catch (const std::invalid_argument&) {
            FUZZ_REQUIRE(message.size() > options.most());
            if (planted("refused_half_written")) {
                sent.messages.emplace_back();
            }
        } catch (const eddy::BrokenResource&) {
            sent.broken = true;
        }
        if ((how & 16U) != 0) {
            co_await eddy::sleep_for(std::chrono::milliseconds(1));
        }
    }
    stream.close();
}

Task<> both(Bytes& input, const Options& options) {
    const auto capacity = static_cast<std::size_t>(input.pick(1, 256));
    Bytes script = eddy::fuzz::part(input, input.size() / 2);
    Sent sent;
    auto [ours, theirs] = eddy::testing::memory_stream_pair({.capacity = capacity});
    std::vector<std::string> received;
    bool broken = false;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(send_all(std::move(theirs), options, script, sent));
        FrameReader<MemoryStream> reader(ours, options.of_library());
        while (true) {
            const std::uint8_t how = input.take_u8();
            if ((how & 1U) != 0) {
                co_await eddy::sleep_for(std::chrono::milliseconds(how / 16));
            }
            const Duration patience =
                (how & 2U) != 0 ? std::chrono::milliseconds(how / 32) : Duration::max();
            const Read read = co_await read_frame(reader, patience, (how & 4U) != 0);
            if (read.what == What::cancelled) {
                continue;
            }
            broken = read.what == What::broken;
            FUZZ_REQUIRE(broken || read.what == What::bytes || read.what == What::ended);
            if (read.what != What::bytes) {
                break;
            }
            received.emplace_back(read.bytes);
        }
    });
    // A reset loses what is on its way, and only the last write may have been cut.
    FUZZ_REQUIRE(received.size() <= sent.messages.size());
    FUZZ_REQUIRE(std::equal(received.begin(), received.end(), sent.messages.begin()));
    FUZZ_REQUIRE(broken || received.size() == sent.messages.size());
    FUZZ_REQUIRE(broken || !sent.broken);
}

Task<> refused(const Options& options) {
    auto [ours, theirs] = eddy::testing::memory_stream_pair();
    bool thrown = false;
    try {
        const eddy::Framed<MemoryStream> framed(ours, options.of_library());
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    FUZZ_REQUIRE(thrown);
    co_return;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    const Options options = options_from(input);
    const bool one_side = input.flag();
    eddy::testing::VirtualClock clock;
    eddy::run(!options.sensible() ? refused(options)
              : one_side          ? reads(input, options)
                                  : both(input, options),
              {},
              {.clock = &clock});
    return 0;
}
