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
#include <eddy/detail/timed_state.hpp>
#include <eddy/detail/timed_tasks.hpp>
#include <eddy/detail/timed_waits.hpp>
#include <eddy/error.hpp>
#include <eddy/net/stream.hpp>

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
/// For a limit on a whole exchange, however lively, `fail_after`. A server's limit on silence does
/// not apply to a listener of such streams: they say themselves how long is too long.
///
/// Its operations are operations, for `select` and all, if those of the stream are; else tasks.
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
    using State = detail::TimedState<S>;
    using Shared = std::shared_ptr<State>;  // operations outlive moves of the TimedStream
    using Span = std::span<const std::byte>;
    using Spans = std::span<const Span>;

    static constexpr bool by_operation = detail::WritesByOperation<Inner>;

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

    [[nodiscard]] auto read_some(std::span<std::byte> into) {
        const auto make = [into](Inner& stream) { return stream.read_some(into); };
        return timed<detail::ReadsByOperation<Inner>>(Side::read, make);
    }
    /// If the stream has it. Timed as a read that reads nothing.
    [[nodiscard]] auto wait_readable()
        requires detail::WaitsReadable<Inner>
    {
        using Wait = decltype(std::declval<Inner&>().wait_readable());
        if constexpr (detail::WaitOperation<Wait>) {
            const auto make = [](Inner& stream) { return stream.wait_readable(); };
            return timed<true>(Side::read, make);
        } else {
            return detail::readable_task(state());
        }
    }
    /// If the stream has it. Not timed: who waits for that does not wait for bytes.
    [[nodiscard]] auto wait_hang_up()
        requires detail::WaitsHangUp<Inner>
    {
        return state()->stream.wait_hang_up();
    }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        if constexpr (by_operation) {
            const auto make = [bytes](Inner& stream) { return stream.write_some(bytes); };
            return timed<true>(Side::write, make);
        } else {
            return detail::write_some_task(state(), bytes);
        }
    }
    [[nodiscard]] auto write_all(Span bytes) { return write(bytes); }
    [[nodiscard]] auto write_all(Spans several) { return write(several); }
    [[nodiscard]] auto write_all(std::string_view text) {
        return write(Span(std::as_bytes(std::span(text))));
    }
    /// Of temporaries: to be awaited in the same expression.
    template <detail::TemporaryOwner Bytes>
    [[nodiscard]] auto write_some(Bytes&& bytes) {
        const Span span(bytes);
        if constexpr (by_operation) {
            const auto make = [span](Inner& stream) { return stream.write_some(span); };
            using Op = std::invoke_result_t<decltype(make), Inner&>;
            return detail::OfTemporary<detail::TimedOperation<State, Op>>(
                state(), Side::write, make);
        } else {
            return detail::ExpressionTask(detail::write_some_task(state(), span));
        }
    }
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] auto write_all(Owner&& bytes) {
        const auto lasting = detail::bytes_of(bytes);
        if constexpr (by_operation) {
            using Op = detail::TimedWriteAll<State, std::remove_const_t<decltype(lasting)>>;
            return detail::OfTemporary<Op>(state(), lasting);
        } else {
            return detail::ExpressionTask(detail::write_all_task(state(), lasting));
        }
    }
    [[nodiscard]] auto shutdown() {
        if constexpr (by_operation) {
            return detail::TimedShutdown<State>(state());
        } else {
            return detail::shutdown_task(state());
        }
    }
    void close() { state()->close(); }
    /// If the stream has it.
    void close_reset()
        requires requires(Inner& inner) { inner.close_reset(); }
    {
        state()->close_reset();
    }

private:
    [[nodiscard]] const Shared& state() const {
        if (!state_) {
            throw InvalidState("this TimedStream was moved from");
        }
        return state_;
    }

    /// One operation of the stream; a task if the stream has tasks.
    template <bool operation, class Make>
    [[nodiscard]] auto timed(Side side, const Make& make) {
        if constexpr (operation) {
            using Op = std::invoke_result_t<const Make&, Inner&>;
            return detail::TimedOperation<State, Op>(state(), side, make);
        } else {
            return detail::timed_task(state(), side, make, 0);
        }
    }
    template <class Bytes>
    [[nodiscard]] auto write(Bytes bytes) {
        if constexpr (by_operation) {
            return detail::TimedWriteAll<State, Bytes>(state(), bytes);
        } else {
            return detail::write_all_task(state(), bytes);
        }
    }

    Shared state_;
};

}  // namespace eddy::inline v0_1
