// SPDX-License-Identifier: MIT
// A stream that loses patience, against the moments at which it has to.
//
// A reader and a writer use one stream, whose other side reads and writes as the bytes say.
//
// Laws:
// - an operation times out at the moment that the rule gives, and no other: `idle` after a byte has
//   moved in either direction, or after it began to wait; or when its direction has waited `per` in
//   all since `bytes` had moved, a timeout, or new timeouts; what takes no time never does;
// - it moves bytes before that moment, or ends with the stream;
// - timeouts that are not above zero are `std::invalid_argument`;
// - what is read is what was written, also after reads that timed out or were cancelled.
//
// Mistakes: idle_of_one_side waited_is_forgotten
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"
#include "pieces.hpp"

using eddy::Duration;
using eddy::StreamTimeouts;
using eddy::Task;
using eddy::TimePoint;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;
using eddy::testing::MemoryStream;

namespace {

using Timed = eddy::TimedStream<MemoryStream>;

constexpr Duration step = std::chrono::milliseconds(1);

/// What the rule says.
class Rule final {
public:
    explicit Rule(const StreamTimeouts& timeouts) { set(timeouts); }

    void set(const StreamTimeouts& timeouts) {
        for (std::size_t number = 0; number < sides_.size(); ++number) {
            Side& side = sides_[number];
            if (end_of(number) == eddy::now()) {
                side.over = eddy::now();  // it has heard of that, and not run yet
            }
            side.waited = {};
            side.moved = 0;
            side.since = eddy::now();
        }
        timeouts_ = timeouts;
    }
    void begins(std::size_t side) {
        sides_[side].since = eddy::now();
        sides_[side].over = eddy::never;
    }

    /// When the operation of this side has to time out. What moves at that moment is too late.
    [[nodiscard]] TimePoint end_of(std::size_t number) const {
        const Side& side = sides_[number];
        if (side.over != eddy::never) {
            return side.over;
        }
        const eddy::ProgressRate& least = number == 0 ? timeouts_.reading : timeouts_.writing;
        const Side& other = planted("idle_of_one_side") ? side : sides_[1 - number];
        const TimePoint idle = eddy::after(
            std::max({side.since, side.moved_before(), other.moved_before()}), timeouts_.idle);
        if (least.bytes == 0 || least.per == Duration::max()) {
            return idle;
        }
        return std::min(idle, eddy::after(side.since, least.per - side.waited));
    }

    void moved(std::size_t number, std::size_t bytes) {
        Side& side = sides_[number];
        const eddy::ProgressRate& least = number == 0 ? timeouts_.reading : timeouts_.writing;
        stopped(number);
        if (bytes != 0 && side.active != eddy::now()) {
            side.active_before = std::exchange(side.active, eddy::now());
        }
        side.moved += bytes;
        if (side.moved >= least.bytes) {
            side.moved = 0;
            side.waited = {};
        }
    }
    void timed_out(std::size_t number) {
        sides_[number].moved = 0;
        sides_[number].waited = {};
    }
    /// Cancelled: the waiting counts.
    void stopped(std::size_t number) {
        Side& side = sides_[number];
        side.waited += planted("waited_is_forgotten") ? Duration() : eddy::now() - side.since;
    }

private:
    struct Side {
        [[nodiscard]] TimePoint moved_before() const {
            return active != eddy::now() ? active : active_before;
        }
        TimePoint since{};
        TimePoint over = eddy::never;
        TimePoint active = TimePoint::min();         // when the last byte moved
        TimePoint active_before = TimePoint::min();  // and the one before, at another moment
        Duration waited{};
        std::size_t moved = 0;
    };
    StreamTimeouts timeouts_;
    std::array<Side, 2> sides_;
};

Duration patience(Bytes& input) {
    const std::uint8_t byte = input.take_u8();
    return byte >= 192 ? Duration::max() : byte % 64 * step;
}

StreamTimeouts timeouts_from(Bytes& input) {
    StreamTimeouts timeouts;
    timeouts.idle = patience(input);
    timeouts.reading = {.bytes = input.take_u8() % 16U, .per = patience(input)};
    timeouts.writing = {.bytes = input.take_u8() % 16U, .per = patience(input)};
    return timeouts;
}

bool sensible(const StreamTimeouts& timeouts) {
    return timeouts.idle > Duration::zero() && timeouts.reading.per > Duration::zero() &&
           timeouts.writing.per > Duration::zero();
}

/// How one operation ended.
enum class Ending : std::uint8_t { moved, timed_out, cancelled, broken };

/// An operation that ended now. `expected`: when it had to time out, as of its end.
void judge(Ending ending, TimePoint began, TimePoint expected) {
    const TimePoint now = eddy::now();
    if (ending == Ending::timed_out) {
        FUZZ_REQUIRE(now == std::max(began, expected));
    } else if (now != began) {
        FUZZ_REQUIRE(now <= expected);
    }
}

class Both final {
public:
    Both(Timed& stream, Rule& rule, const std::string& text) noexcept
        : stream_(stream), rule_(rule), coming_(text) {}

    Task<> reads(Bytes script) {
        std::array<std::byte, 64> buffer{};
        std::string_view left = coming_;
        while (!script.empty()) {
            const std::uint8_t how = script.take_u8();
            if (how % 16 == 0) {
                set(script);
                continue;
            }
            const std::size_t most = 1 + how / 4U;
            const std::span<std::byte> into = std::span(buffer).first(most);
            const Duration until = (how & 1U) != 0 ? script.take_u8() % 64 * step : Duration::max();
            const TimePoint began = eddy::now();
            rule_.begins(0);
            Ending ending = Ending::cancelled;
            std::size_t length = 0;
            try {
                const auto got = co_await eddy::move_on_after(until, stream_.read_some(into));
                length = got.value_or(0);
                ending = got ? Ending::moved : Ending::cancelled;
            } catch (const eddy::TimedOut&) {
                ending = Ending::timed_out;
            }
            judge(ending, began, rule_.end_of(0));
            ending == Ending::moved       ? rule_.moved(0, length)
            : ending == Ending::timed_out ? rule_.timed_out(0)
                                          : rule_.stopped(0);
            FUZZ_REQUIRE(eddy::fuzz::as_text(into.first(length)) == left.substr(0, length));
            left.remove_prefix(length);
            if (ending == Ending::moved && length == 0) {
                FUZZ_REQUIRE(left.empty());
                break;
            }
            if ((how & 2U) != 0) {
                co_await eddy::sleep_for(script.take_u8() % 32 * step);
            }
        }
    }

    Task<> writes(Bytes script) {
        while (!script.empty()) {
            const std::uint8_t how = script.take_u8();
            const std::string text(how % 48U, 'w');
            const TimePoint began = eddy::now();
            rule_.begins(1);
            Ending ending = Ending::moved;
            try {
                co_await stream_.write_all(text);
            } catch (const eddy::TimedOut&) {
                ending = Ending::timed_out;
            } catch (const eddy::BrokenResource&) {
                ending = Ending::broken;
            }
            if (ending == Ending::broken) {
                break;  // after half a write
            }
            judge(ending, began, rule_.end_of(1));
            ending == Ending::moved ? rule_.moved(1, text.size()) : rule_.timed_out(1);
            if ((how & 64U) != 0) {
                co_await eddy::sleep_for(how % 16 * step);
            }
        }
    }

private:
    void set(Bytes& script) {
        const StreamTimeouts timeouts = timeouts_from(script);
        bool refused = false;
        try {
            stream_.set_timeouts(timeouts);
            rule_.set(timeouts);
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        FUZZ_REQUIRE(refused == !sensible(timeouts));
    }

    Timed& stream_;
    Rule& rule_;
    const std::string& coming_;
};

/// The other side's reader: takes some now and then, and then no more.
Task<> takes(MemoryStream& stream, Bytes script) {
    std::array<std::byte, 16> buffer{};
    while (!script.empty()) {
        const std::uint8_t how = script.take_u8();
        const std::span<std::byte> into = std::span(buffer).first(1 + how % 16U);
        co_await eddy::sleep_for(how / 8 * step);
        const std::size_t length = co_await stream.read_some(into);
        if (length == 0) {
            break;
        }
    }
}

Task<> says(MemoryStream& stream, std::string_view text, Bytes script) {
    while (!text.empty()) {
        const std::uint8_t how = script.take_u8();
        const std::string_view piece = text.substr(0, 1 + how % 8U);
        co_await eddy::sleep_for(how / 8 * step);
        co_await stream.write_all(piece);
        text.remove_prefix(piece.size());
    }
}

Task<> talk(Bytes& input) {
    StreamTimeouts timeouts = timeouts_from(input);
    timeouts = sensible(timeouts) ? timeouts : StreamTimeouts{};
    const auto capacity = static_cast<std::size_t>(input.pick(1, 64));
    Bytes reading = eddy::fuzz::part(input, input.size() / 3);
    Bytes writing = eddy::fuzz::part(input, input.size() / 4);
    Bytes taking = eddy::fuzz::part(input, input.size() / 3);
    const std::string text(eddy::fuzz::part(input, input.size() / 2).rest_text());
    auto [ours, theirs] = eddy::testing::memory_stream_pair({.capacity = capacity});
    Timed stream(std::move(ours), timeouts);
    Rule rule(timeouts);
    Both both(stream, rule, text);
    co_await eddy::with_task_group([&](eddy::TaskGroup& others) -> Task<> {
        others.spawn(takes(theirs, taking));
        others.spawn(says(theirs, text, input));
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            group.spawn(both.reads(reading));
            group.spawn(both.writes(writing));
            co_return;
        });
        others.cancel("done");
    });
}

/// Without timeouts, and with a script that asks for no patience, nobody would ever give up.
Task<> with_an_end(Bytes& input) {
    const bool done = co_await eddy::move_on_after(std::chrono::hours(1), talk(input));
    static_cast<void>(done);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(with_an_end(input), {}, {.clock = &clock});
    return 0;
}
