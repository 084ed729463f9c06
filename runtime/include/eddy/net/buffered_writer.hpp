// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/buffered_writing.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/queue_shutdown.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/detail/write_port.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

/// What a writer buffers unless told otherwise.
inline constexpr std::size_t default_write_limit = 64UL * 1024;

struct EDDY_VISIBLE WriterStatistics {
    std::uint64_t messages = 0;        ///< accepted, empty ones not counted
    std::uint64_t bytes_accepted = 0;  ///< theirs
    std::uint64_t writes = 0;          ///< of the stream: one for each turn, if that takes all
    std::size_t buffered = 0;          ///< bytes that the stream has not taken
    std::size_t waiting = 0;           ///< jobs in `write`
};

/// Collects small writes, of any number of jobs, and sends them together: once per turn of the
/// loop, in one gathered write.
///
///     BufferedWriter writer(stream);
///     while (true) {
///         const auto request = co_await reader.read_line();
///         if (!request) break;
///         co_await writer.write(answer_to(*request));  // however many: one system call a turn
///     }
///     co_await writer.shutdown();
///
/// `write` returns when its message is buffered, and waits while the buffer is at its limit. It
/// never waits for the peer otherwise: `flush` does. Messages are whole: each is sent in one piece,
/// after those that were accepted before. For messages that many peers get, and peers that are not
/// waited for, see `Outbox`.
///
/// A message larger than the limit is accepted alone, once everything before it has been sent: the
/// memory is at most twice the limit, or the largest message.
///
/// Throws:       when sending fails: whatever the stream has thrown, out of the next `write`,
///               `try_write`, `flush` or `shutdown`, those that wait included, and every later one;
///               what is buffered is dropped. `ClosedResource` when shut down. `std::bad_alloc`:
///               nothing of the message was buffered.
/// Cancellation: of `write`: nothing of the message was buffered. Of `flush` and `shutdown`: what
///               is buffered is sent all the same.
/// Order:        room is given first come, first served, to whole messages. Nobody overtakes one
///               that is too large for what room there is.
/// Lifetime:     refers to the stream, which outlives it, stays where it is, and is written by
///               nobody else while something is buffered. Destroyed with something unsent, by a job
///               that is cancelled or just ends, it tears the stream: `close_reset`, or `close` if
///               it has none. So end with `flush` or `shutdown`. In a forked child it does nothing.
/// Cost:         a copy of each message, and no allocation in the long run: the memory is lent by
///               the thread while something is buffered. No job, no deadline.
template <class S>
    requires WriteStream<S>
class EDDY_VISIBLE BufferedWriter final {
    using Bytes = std::span<const std::byte>;

public:
    /// Throws: `std::invalid_argument` for a limit of zero.
    explicit BufferedWriter(S& stream, detail::Count limit = default_write_limit)
        : port_(stream), writing_(port_, limit.checked("BufferedWriter: the limit")) {}
    BufferedWriter(const BufferedWriter&) = delete;
    BufferedWriter& operator=(const BufferedWriter&) = delete;

    [[nodiscard]] S& stream() const noexcept { return port_.stream(); }
    /// Bytes that the stream has not taken yet.
    [[nodiscard]] std::size_t buffered() const {
        writing_.check("BufferedWriter::buffered");
        return writing_.buffered();
    }
    [[nodiscard]] WriterStatistics statistics() const {
        writing_.check("BufferedWriter::statistics");
        return {.messages = writing_.messages(),
                .bytes_accepted = writing_.accepted(),
                .writes = writing_.writes(),
                .buffered = writing_.buffered(),
                .waiting = writing_.writers_waiting()};
    }

    /// Buffers a message if there is room and nobody waits for it; else false, and nothing is done.
    [[nodiscard]] bool try_write(Bytes bytes) {
        return writing_.try_add(std::span(&bytes, 1), "BufferedWriter::try_write");
    }
    [[nodiscard]] bool try_write(std::string_view text) {
        return try_write(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] bool try_write(std::span<const Bytes> parts) {
        return writing_.try_add(parts, "BufferedWriter::try_write");
    }

    /// Buffers one message: a span, several as if they were one, or text.
    [[nodiscard]] detail::BufferedWrite write(Bytes bytes) noexcept { return {writing_, bytes}; }
    [[nodiscard]] detail::BufferedWrite write(std::string_view text) noexcept {
        return {writing_, std::as_bytes(std::span(text))};
    }
    [[nodiscard]] detail::BufferedWrite write(std::span<const Bytes> parts) noexcept {
        return {writing_, parts};
    }
    /// Of a temporary string, vector or array: to be awaited in the same expression.
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::BufferedWrite> write(Owner&& bytes) noexcept {
        if constexpr (std::is_convertible_v<Owner&, std::string_view>) {
            return {writing_, std::as_bytes(std::span(std::string_view(bytes)))};
        } else if constexpr (std::is_convertible_v<Owner&, Bytes>) {
            return {writing_, Bytes(bytes)};
        } else {
            return {writing_, std::span<const Bytes>(bytes)};
        }
    }

    /// Sends at once. Ends when the stream has taken everything that was written before.
    [[nodiscard]] detail::QueueFlushOf<S> flush() noexcept {
        return {writing_, "BufferedWriter::flush"};
    }

    /// Sends everything, also the messages of those who wait already, then shuts the stream down;
    /// a `write` that comes later throws `ClosedResource`. Cancelled, it has not shut down.
    [[nodiscard]] detail::QueueShutdown<S> shutdown() noexcept {
        return {writing_, port_.stream(), "BufferedWriter::shutdown"};
    }

private:
    detail::WritePortOf<S> port_;
    detail::BufferedWriting writing_;
};

}  // namespace eddy::inline v0_1
