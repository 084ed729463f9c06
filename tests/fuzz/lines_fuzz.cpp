// SPDX-License-Identifier: MIT
// What a `BufferedReader` makes of a stream, against searching in the text itself.
//
// Laws, however the stream is cut, and wherever reads are cancelled:
// - each read gives what the text has at that place, and the next one begins behind it; a read that
//   fails, or is cancelled, has read nothing;
// - it is refused exactly when the piece is longer than the limit, ends short exactly when the
//   stream ends before the piece does, and is empty exactly at the end of the stream;
// - what a read has returned stays where it is until the next one begins, whatever comes meanwhile;
// - a read that loses a `select` has read nothing either; what `peek` shows stands in the text, is
//   as much as was asked for unless the stream ends, and is taken by `consume` alone;
// - after everything, the rest of the text is still to be read. After a reset all that may differ
//   is that a read finds the stream broken.
//
// Mistakes: limit_off_by_one lost_after_cancel consumed_by_peek
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"
#include "pieces.hpp"

using eddy::BufferedReader;
using eddy::Duration;
using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::End;
using eddy::fuzz::planted;
using eddy::fuzz::Read;
using eddy::testing::MemoryStream;
using What = eddy::fuzz::Read::What;

namespace {

// --- what the text says ------------------------------------------------------------------------

struct Expected {
    Read read;
    std::size_t consumed = 0;
};

Expected next_line(std::string_view text, std::size_t limit) {
    if (text.empty()) {
        return {{What::ended, {}}};
    }
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    const std::size_t consumed = line.size() + (end == std::string_view::npos ? 0 : 1);
    if (end != std::string_view::npos && line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    if (line.size() + (planted("limit_off_by_one") ? 1 : 0) > limit) {
        return {{What::limit, {}}};
    }
    return {{What::bytes, line}, consumed};
}

Expected next_until(std::string_view text, std::string_view delimiter, std::size_t limit) {
    if (delimiter.empty()) {
        return {{What::invalid, {}}};
    }
    const std::size_t end = text.find(delimiter);
    // Of what has no delimiter, the last bytes may have been the beginning of one.
    const std::size_t tail = std::min(text.size(), delimiter.size() - 1);
    if ((end == std::string_view::npos ? text.size() - tail : end) > limit) {
        return {{What::limit, {}}};
    }
    if (end == std::string_view::npos) {
        return {{text.empty() ? What::ended : What::cut_short, {}}};
    }
    return {{What::bytes, text.substr(0, end)}, end + delimiter.size()};
}

Expected next_count(std::string_view text, std::size_t count, std::size_t limit) {
    if (count > limit) {
        return {{What::limit, {}}};
    }
    if (count > text.size()) {
        return {{What::cut_short, {}}};
    }
    return {{What::bytes, text.substr(0, count)}, count};
}

// --- the reader's job --------------------------------------------------------------------------

template <class T>
using Timed = std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

template <class S>
class Reading final {
public:
    Reading(S& stream, std::string_view text, Bytes& script, bool may_break)
        : reader_(stream), left_(text), script_(script), may_break_(may_break) {}

    Task<> all() {
        while (!script_.empty() && !broken_) {
            co_await one();
        }
        while (!broken_) {  // the rest, in whatever pieces
            const Read read = co_await some(600, Duration::max());
            if (read.what == What::ended) {
                break;
            }
        }
        FUZZ_REQUIRE(broken_ || left_.empty());
        FUZZ_REQUIRE(broken_ || reader_.buffered() == 0);
    }

private:
    Task<> one() {
        const std::uint8_t what = script_.take_u8();
        const Duration patience =
            (what & 128U) != 0 ? std::chrono::milliseconds(script_.take_u8() % 8) : Duration::max();
        selects_ = (what & 32U) != 0;
        const std::size_t limit =
            (what & 64U) != 0 ? eddy::default_read_limit : script_.take_u8() % 48U;
        switch (what % 8) {
            case 0:
            case 1:
            case 2: {
                const Read read = co_await line(limit, patience);
                judge(read, next_line(left_, limit));
                break;
            }
            case 3:
            case 4: {
                constexpr std::array<std::string_view, 6> likely = {
                    "\n", "\r\n", "aab", ",", "\n\n\n", ""};
                const std::string_view delimiter = likely[script_.pick_index(likely.size())];
                const Read read = co_await until(delimiter, limit, patience);
                judge(read, next_until(left_, delimiter, limit));
                break;
            }
            case 5: {
                const std::size_t count = number();
                if ((what & 16U) != 0) {
                    co_await peeked(count, limit, patience);
                    break;
                }
                const Read read = co_await counted(count, limit, patience);
                judge(read, next_count(left_, count, limit));
                break;
            }
            case 6: {
                const std::size_t count = number();
                const Read read = co_await filled(count, patience);
                judge(read, next_count(left_, count, count));
                break;
            }
            default: {
                if constexpr (requires { reader_.wait_readable(); }) {
                    if ((what & 16U) != 0) {
                        co_await readable(patience);
                    }
                }
                const Read read = co_await some(number(), patience);
                static_cast<void>(read);
            }
        }
        if (script_.flag()) {
            co_await eddy::sleep_for(std::chrono::milliseconds(2));  // more comes meanwhile
        }
        FUZZ_REQUIRE(last_.bytes == expected_);
    }

    [[nodiscard]] std::size_t number() {
        const std::uint8_t byte = script_.take_u8();
        return byte < 250 ? byte % 40U : 9'000U + byte;
    }

    void judge(const Read& read, const Expected& expected) {
        last_ = {What::ended, {}};
        expected_ = {};
        FUZZ_REQUIRE(reader_.buffered() <= left_.size());
        if (read.what == What::cancelled) {
            left_.remove_prefix(planted("lost_after_cancel") && reader_.buffered() != 0 ? 1 : 0);
            return;
        }
        if (read.what == What::broken) {
            FUZZ_REQUIRE(may_break_);
            broken_ = true;
            return;
        }
        FUZZ_REQUIRE(read.what == expected.read.what);
        FUZZ_REQUIRE(read.bytes == expected.read.bytes);
        last_ = read;
        expected_ = expected.read.bytes;
        left_.remove_prefix(expected.consumed);
    }

    /// The result, or nothing if the time was over: by a scope, or by a select.
    template <class Make>
    auto within(Duration patience, const Make& make) -> Task<Timed<decltype(make().take())>> {
        if (selects_) {
            auto got = co_await eddy::select(make(), eddy::sleep_for(patience));
            if (got.index() == 0) {
                co_return std::get<0>(got);
            }
            co_return std::nullopt;
        }
        auto read = make();
        if constexpr (std::is_void_v<decltype(read.take())>) {
            const bool done = co_await eddy::move_on_after(patience, read);
            if (done) {
                co_return std::monostate();
            }
            co_return std::nullopt;
        } else {
            co_return co_await eddy::move_on_after(patience, read);
        }
    }

    /// Shows without taking, and takes a part.
    Task<> peeked(std::size_t count, std::size_t limit, Duration patience) {
        Read read{What::cancelled, {}};
        try {
            const auto make = [&] { return reader_.peek(count, limit); };
            const auto got = co_await within(patience, make);
            if (got) {
                read = {What::bytes, eddy::fuzz::as_text(*got)};
            }
        } catch (const std::exception&) {
            read.what = eddy::fuzz::what_of(std::current_exception());
        }
        const std::size_t shown = read.bytes.size();
        Expected expected{{What::bytes, left_.substr(0, shown)}, 0};
        if (count > limit) {
            expected = {{What::limit, {}}};
        } else if (read.what == What::bytes) {
            FUZZ_REQUIRE(shown >= count || shown == left_.size());
            FUZZ_REQUIRE(reader_.buffered() == shown);
            expected.consumed = shown == 0 ? 0 : number() % (shown + 1);
            reader_.consume(expected.consumed);
            expected.consumed += planted("consumed_by_peek") && shown != 0 ? 1U : 0U;
        }
        judge(read, expected);
    }

    Task<> readable(Duration patience) {
        Read read{What::cancelled, {}};
        try {
            const auto make = [&] { return reader_.wait_readable(); };
            const auto done = co_await within(patience, make);
            read.what = done ? What::bytes : What::cancelled;
        } catch (const std::exception&) {
            read.what = eddy::fuzz::what_of(std::current_exception());
        }
        judge(read, {{What::bytes, {}}, 0});
    }

    Task<Read> line(std::size_t limit, Duration patience) {
        try {
            const auto make = [&] { return reader_.read_line(limit); };
            const auto got = co_await within(patience, make);
            co_return !got      ? Read{What::cancelled, {}}
            : !got->has_value() ? Read{What::ended, {}}
                                : Read{What::bytes, **got};
        } catch (const std::exception&) {
            co_return Read{eddy::fuzz::what_of(std::current_exception()), {}};
        }
    }

    Task<Read> until(std::string_view delimiter, std::size_t limit, Duration patience) {
        try {
            const auto make = [&] { return reader_.read_until(delimiter, limit); };
            const auto got = co_await within(patience, make);
            co_return !got      ? Read{What::cancelled, {}}
            : !got->has_value() ? Read{What::ended, {}}
                                : Read{What::bytes, eddy::fuzz::as_text(**got)};
        } catch (const std::exception&) {
            co_return Read{eddy::fuzz::what_of(std::current_exception()), {}};
        }
    }

    Task<Read> counted(std::size_t count, std::size_t limit, Duration patience) {
        try {
            const auto make = [&] { return reader_.read_exactly(count, limit); };
            const auto got = co_await within(patience, make);
            co_return !got ? Read{What::cancelled, {}}
                           : Read{What::bytes, eddy::fuzz::as_text(*got)};
        } catch (const std::exception&) {
            co_return Read{eddy::fuzz::what_of(std::current_exception()), {}};
        }
    }

    /// Into memory of our own.
    Task<Read> filled(std::size_t count, Duration patience) {
        own_.assign(count, std::byte{0});
        try {
            const std::span<std::byte> into(own_);
            const auto make = [&] { return reader_.read_exactly(into); };
            const auto done = co_await within(patience, make);
            co_return done ? Read{What::bytes, eddy::fuzz::as_text(own_)}
                           : Read{What::cancelled, {}};
        } catch (const std::exception&) {
            co_return Read{eddy::fuzz::what_of(std::current_exception()), {}};
        }
    }

    /// As much as there is: any beginning of the text, none only at its end.
    Task<Read> some(std::size_t most, Duration patience) {
        own_.assign(most, std::byte{0});
        Read read{What::cancelled, {}};
        try {
            const auto make = [&] { return reader_.read_some(own_); };
            const auto got = co_await within(patience, make);
            if (got) {
                FUZZ_REQUIRE(*got <= most);
                read = {*got == 0 ? What::ended : What::bytes,
                        eddy::fuzz::as_text(std::span(own_).first(*got))};
            }
        } catch (const std::exception&) {
            read.what = eddy::fuzz::what_of(std::current_exception());
        }
        const std::size_t length = read.bytes.size();
        const Expected expected = most == 0 ? Expected{{What::invalid, {}}}
                                  : left_.empty()
                                      ? Expected{{What::ended, {}}}
                                      : Expected{{What::bytes, left_.substr(0, length)}, length};
        judge(read, expected);
        co_return read;
    }

    BufferedReader<S> reader_;
    bool selects_ = false;
    std::string_view left_;
    Bytes& script_;
    const bool may_break_;
    bool broken_ = false;
    std::vector<std::byte> own_;
    Read last_{What::ended, {}};
    std::string_view expected_;
};

template <class S>
Task<> read_all(S& stream, std::string_view text, Bytes& script, End end) {
    Reading<S> reading(stream, text, script, end == End::reset);
    co_await reading.all();
}

Task<> talk(Bytes& input) {
    const std::uint8_t how = input.take_u8();
    auto capacity = static_cast<std::size_t>(input.pick(1, 4096));
    std::optional<std::uint64_t> seed;
    if ((how & 64U) != 0) {
        seed = how;
    }
    Bytes cuts = eddy::fuzz::part(input, input.take_u8());
    Bytes script = eddy::fuzz::part(input, input.take_u8());
    const std::uint8_t times = input.take_u8();
    const std::string text = eddy::fuzz::repeated(input.rest_text(), times);
    const auto end = static_cast<End>(how % 4 % 3);
    capacity = text.size() > 1024 ? std::max<std::size_t>(capacity, 256) : capacity;  // in time
    auto [ours, theirs] = eddy::testing::memory_stream_pair({.capacity = capacity, .seed = seed});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::fuzz::feed(std::move(theirs), text, cuts, end));
        MemoryStream stream = std::move(ours);
        eddy::fuzz::Plain plain(stream);
        if ((how & 128U) != 0) {
            co_await read_all(plain, text, script, end);
        } else {
            co_await read_all(stream, text, script, end);
        }
        group.cancel("read");
    });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(talk(input), {}, {.clock = &clock});
    return 0;
}
