// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/read_look.hpp>
#include <eddy/detail/stream_reads.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

/// The longest line, or other piece, that a reader accepts unless told otherwise.
inline constexpr std::size_t default_read_limit = 64UL * 1024;

/// Reads a stream in pieces that mean something: lines, up to a delimiter, so many bytes.
///
///     BufferedReader reader(stream);
///     while (true) {
///         const auto line = co_await reader.read_line();
///         if (!line) break;                       // the end of the stream
///         co_await stream.write_all(answer_to(*line));
///     }
///
/// For messages with their length in front, see `FrameReader`; for a parser of your own, `peek`. It
/// does not write: the stream does.
///
/// What it returns lies in the reader's buffer and is valid until its next operation: copy what is
/// to be kept. Being tried in a `select` is one.
///
/// Throws:       what the stream throws; `LimitExceeded` when the other side sends a longer piece
///               than was allowed, at once, without waiting for its end; `BusyResource` when
///               another operation reads, of another job or of the same `select`.
/// Cancellation: nothing that was read is lost: whatever came stays in the buffer, and the next
///               operation, of whatever kind, begins where this one did. The same holds for every
///               exception, and for an operation that a `select` has not chosen. A piece that is
///               complete in the moment of the cancellation is given.
/// Lifetime:     the stream outlives the reader, which outlives its operations: it may not be
///               destroyed while a job waits in one. What the reader has buffered is no longer in
///               the stream: go on reading through it.
/// Cost:         while it waits with nothing buffered, no memory, if the stream has `wait_readable`
///               (sockets have), else 4 KiB. While there is something, 4 KiB, more for longer
///               pieces, at most four times the limit. Lent by the thread: no allocation per
///               message.
///
/// What waits is an operation. Only if the stream's own `read_some` or `wait_readable` is a task
/// these are tasks too: awaited, and given to what takes tasks, but not selected.
template <class S>
    requires ReadStream<S>
class EDDY_VISIBLE BufferedReader final {
public:
    explicit BufferedReader(S& stream) noexcept : stream_(stream) {}
    BufferedReader(const BufferedReader&) = delete;
    BufferedReader& operator=(const BufferedReader&) = delete;

    /// Bytes that were read from the stream and are still to be taken.
    [[nodiscard]] std::size_t buffered() const {
        buffer_.check("BufferedReader::buffered");
        return buffer_.size();
    }
    [[nodiscard]] S& stream() const noexcept { return stream_; }

    /// Takes bytes that `peek` has shown. They stay where they are until the next operation.
    ///
    /// Throws: `std::invalid_argument` for more than are buffered; `BusyResource`.
    void consume(detail::Count count) { buffer_.consume_checked(count); }

    /// What is buffered, or else one read of the stream. Zero at its end.
    [[nodiscard]] auto read_some(std::span<std::byte> into) {
        return detail::read_some(stream_, buffer_, into);
    }

    /// Fills `into`, without a limit: the memory is yours. Unless this succeeds, what came is still
    /// to be read.
    ///
    /// Throws: `EndOfStream` when the stream ends before.
    [[nodiscard]] auto read_exactly(std::span<std::byte> into) {
        return detail::read_fully(stream_, buffer_, into);
    }

    /// The next `wanted` bytes.
    ///
    /// Throws: `EndOfStream` as above; `LimitExceeded` for more than the limit, `most`.
    [[nodiscard]] auto read_exactly(detail::Count wanted, detail::Count most = default_read_limit) {
        return detail::read_piece(stream_, buffer_, detail::CountLook(wanted, most));
    }

    /// What comes before the next `delimiter`, which is taken too and not returned. Empty when the
    /// stream has ended and nothing is left.
    ///
    /// Throws: `EndOfStream` when the stream ends with something that has no delimiter;
    ///         `read_some` gets that.
    [[nodiscard]] auto read_until(std::string_view delimiter,
                                  detail::Count most = default_read_limit) {
        return detail::read_piece(stream_, buffer_, detail::DelimiterLook(delimiter, most));
    }

    /// Of a temporary delimiter: to be awaited in the same expression.
    template <detail::TemporaryOwner Text>
    [[nodiscard]] auto read_until(Text&& delimiter, detail::Count most = default_read_limit) {
        return detail::read_piece_of_temporary(
            stream_, buffer_, detail::DelimiterLook(delimiter, most));
    }

    /// The next line, without the LF or CRLF that ends it. At the end of the stream: what is there
    /// without one, as a last line; then empty. Where such a line must not be taken for a whole
    /// one, use `read_until("\n")`.
    [[nodiscard]] auto read_line(detail::Count most = default_read_limit) {
        return detail::read_piece(stream_, buffer_, detail::LineLook(most));
    }

    /// All that is buffered, once that are `at_least` so many bytes, and takes nothing. Fewer only
    /// at the end of the stream, and none if it has ended and all is taken. For incremental
    /// parsers:
    ///
    ///     while (true) {
    ///         const std::size_t had = reader.buffered();
    ///         const auto bytes = co_await reader.peek(had + 1);
    ///         if (bytes.size() == had) break;  // the end; inside a message unless had == 0
    ///         const std::size_t parsed = parser.feed(bytes);  // of them, 0 if it needs more
    ///         reader.consume(parsed);
    ///     }
    ///
    /// Throws: `LimitExceeded` for more than the limit, `most`: above, for a message that is longer
    ///         than it.
    [[nodiscard]] auto peek(detail::Count at_least = 1, detail::Count most = default_read_limit) {
        return detail::read_piece(stream_, buffer_, detail::PeekLook(at_least, most));
    }

    /// Waits until a `read_some` would not have to wait: at once if something is buffered, else as
    /// the stream. Holds no memory.
    [[nodiscard]] auto wait_readable()
        requires detail::WaitsReadable<S>
    {
        return detail::wait_for_anything(stream_, buffer_, "BufferedReader::wait_readable");
    }

private:
    S& stream_;
    detail::ReadBuffer buffer_;
};

}  // namespace eddy::inline v0_1
