// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/stream_watch.hpp>
#include <eddy/error.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

/// A stream whose operations lose patience: when nothing moves, or too little.
///
///     TimedStream stream(std::move(connection), {.idle = 60s});
///     ...   // a request has begun: from here on it comes at some speed, or not at all
///     stream.set_timeouts({.idle = 60s, .reading = {.bytes = 1024, .per = 5s}});
///
/// *Idle*: an operation waits, and no byte has moved in either direction for so long. A connection
/// that only sends is not idle while it does. *Least progress*, for each direction: `bytes` must
/// move before its operations have waited `per` in all. Only waiting counts, not the time between
/// operations; a client that sends a byte now and then defeats the first timeout, not this one.
///
/// For a limit on a whole exchange, however lively, `fail_after`.
///
/// Throws:       `TimedOut`, and what the stream throws; `InvalidState` after it was moved from.
/// Cancellation: as the stream. An operation that has timed out was cancelled: a read has read
///               nothing and may be tried again; a write halfway through leaves the stream broken
///               for writing. Whoever tries again has all the time again.
/// Lifetime:     owns the stream; `TimedStream<S&>` refers to one that outlives it, and does not
///               close it, except after a write that broke off halfway.
/// Cost:         one allocation; per message none, and nothing in the loop's heap of deadlines
///               either: its one deadline is looked at when it is due, and moved then.
/// Source:       tokio-io-timeout; CVE-2018-12122 for the second kind.
template <class S>
    requires Stream<std::remove_reference_t<S>>
class EDDY_VISIBLE TimedStream final {
    using Inner = std::remove_reference_t<S>;
    using Side = detail::StreamWatch::Side;
    using Spans = std::span<const std::span<const std::byte>>;

public:
    /// Throws: `InvalidState` outside a loop, `std::invalid_argument` for a timeout not above zero.
    explicit TimedStream(S stream, const StreamTimeouts& timeouts)
        : state_(std::make_shared<State>(std::forward<S>(stream), timeouts)) {}
    TimedStream(TimedStream&& other) noexcept = default;
    TimedStream& operator=(TimedStream&& other) noexcept {
        if (this != &other) {
            const TimedStream replaced(std::move(*this));
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~TimedStream() {
        if constexpr (!std::is_reference_v<S>) {
            if (state_) {
                state_->close();
            }
        }
    }

    /// The stream inside. What is done to it directly is not timed.
    [[nodiscard]] Inner& inner() const { return state()->stream; }

    /// From now on: what has been waited before does not count, and an operation that waits begins
    /// anew.
    void set_timeouts(const StreamTimeouts& timeouts) { state()->watch.set(timeouts); }

    [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> into) {
        return timed(state(), Side::read, Read{into});
    }
    /// If the stream has it. Timed as a read that reads nothing.
    [[nodiscard]] Task<> wait_readable()
        requires detail::WaitsReadable<Inner>
    {
        return readable(state());
    }
    /// If the stream has it. Not timed: nobody is expected to hang up.
    [[nodiscard]] auto wait_hang_up()
        requires detail::WaitsHangUp<Inner>
    {
        return state()->stream.wait_hang_up();
    }
    [[nodiscard]] Task<std::size_t> write_some(std::span<const std::byte> bytes) {
        return write_part(state(), bytes);
    }
    [[nodiscard]] Task<> write_all(std::span<const std::byte> bytes) {
        return write_one(state(), bytes);
    }
    [[nodiscard]] Task<> write_all(Spans several) { return write_each(state(), several); }
    [[nodiscard]] Task<> write_all(std::string_view text) {
        return write_one(state(), std::as_bytes(std::span(text)));
    }
    /// Of temporaries: to be awaited in the same expression.
    template <detail::TemporaryOwner Bytes>
    [[nodiscard]] detail::ExpressionTask<std::size_t> write_some(Bytes&& bytes) {
        return detail::ExpressionTask(write_some(bytes));
    }
    template <detail::TemporaryOwner Bytes>
    [[nodiscard]] detail::ExpressionTask<void> write_all(Bytes&& bytes) {
        return detail::ExpressionTask(write_all(bytes));
    }
    [[nodiscard]] Task<> shutdown() { return shut_down(state()); }
    void close() { state()->close(); }
    /// If the stream has it.
    void close_reset()
        requires requires(Inner& inner) { inner.close_reset(); }
    {
        state()->stream.close_reset();
        state()->torn = false;
    }

private:
    // Up to here a write is one operation of the stream, gathered; the timeouts see it as a whole.
    static constexpr std::size_t small = 16UL * 1024;

    struct State {
        State(S&& given, const StreamTimeouts& timeouts)
            : stream(std::forward<S>(given)), watch(timeouts) {}

        State(const State&) = delete;
        State& operator=(const State&) = delete;
        ~State() {
            if constexpr (std::is_reference_v<S>) {
                if (torn) {  // only we know: the stream must not end as if nothing were missing
                    close();
                }
            }
        }

        void require_whole() const {
            if (torn && !watch.busy(Side::write)) {
                throw BrokenResource("write: an earlier write was cancelled halfway");
            }
        }
        void close() {
            const bool reset = std::exchange(torn, false);
            if constexpr (requires(Inner& inner) { inner.close_reset(); }) {
                if (reset) {
                    stream.close_reset();
                }
            }
            stream.close();
        }

        S stream;
        detail::StreamWatch watch;
        bool torn = false;  // between two parts of a write; within a part, the stream knows
    };
    using Shared = std::shared_ptr<State>;  // operations outlive moves of the TimedStream

    [[nodiscard]] const Shared& state() const {
        if (!state_) {
            throw InvalidState("this TimedStream was moved from");
        }
        return state_;
    }

    struct Read {
        std::span<std::byte> into;
        auto operator()(Inner& stream) const { return stream.read_some(into); }
    };
    struct Readable {
        std::size_t size = 0;
        auto operator()(Inner& stream) const { return stream.wait_readable(); }
    };
    struct WriteSome {
        std::span<const std::byte> bytes;
        auto operator()(Inner& stream) const { return stream.write_some(bytes); }
    };
    template <class Bytes>
    struct WriteAll {
        Bytes bytes;
        std::size_t size;
        auto operator()(Inner& stream) const { return stream.write_all(bytes); }
    };

    /// One operation of the stream, in a scope that the watch cancels.
    template <class Op>
    static Task<std::size_t> timed(Shared state, Side side, Op operation) {
        co_await checkpoint();
        CancelScope scope;
        ScopeEntry entry(scope);
        detail::StreamWatch::Wait wait(state->watch, side, scope);
        try {
            std::size_t length = 0;
            if constexpr (requires { operation.size; }) {
                co_await operation(state->stream);
                length = operation.size;
            } else {
                length = co_await operation(state->stream);
            }
            wait.moved(length);
            co_return length;
        } catch (const Cancelled&) {
            const bool ours = entry.leave_absorbing();
            if (!ours) {
                throw;
            }
        }
        wait.throw_timed_out();
    }

    static Task<> readable(Shared state) {
        const std::size_t none = co_await timed(state, Side::read, Readable{});
        static_cast<void>(none);
    }

    static Task<std::size_t> write_part(Shared state, std::span<const std::byte> bytes) {
        co_await checkpoint();
        state->require_whole();
        co_return co_await timed(state, Side::write, WriteSome{bytes});
    }

    static Task<> write_one(Shared state, std::span<const std::byte> bytes) {
        co_await checkpoint();
        state->require_whole();
        if (bytes.size() <= small) {
            co_await timed(state, Side::write, WriteAll<decltype(bytes)>{bytes, bytes.size()});
            co_return;
        }
        co_await write_parts(state, bytes);
        state->torn = false;
    }

    static Task<> write_each(Shared state, Spans several) {
        co_await checkpoint();
        state->require_whole();
        std::size_t total = 0;
        for (const std::span<const std::byte> bytes : several) {
            total += bytes.size();
        }
        if (total <= small) {
            co_await timed(state, Side::write, WriteAll<Spans>{several, total});
            co_return;
        }
        for (const std::span<const std::byte> bytes : several) {
            co_await write_parts(state, bytes);
        }
        state->torn = false;
    }

    /// Leaves `torn` set; the caller clears it when the last part is written.
    static Task<> write_parts(Shared state, std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const std::size_t length = co_await timed(state, Side::write, WriteSome{bytes});
            state->torn = true;
            bytes = bytes.subspan(length);
        }
    }

    static Task<> shut_down(Shared state) {
        co_await checkpoint();
        state->require_whole();
        co_await state->stream.shutdown();
    }

    Shared state_;
};

}  // namespace eddy::inline v0_1
