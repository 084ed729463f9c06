// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/error.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

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
/// For messages with their length in front, see `FrameReader`. It does not write: the stream does.
///
/// What `read_line`, `read_until` and `read_exactly(count)` return lies in the reader's buffer and
/// is valid until its next operation: copy what is to be kept.
///
/// Throws:       what the stream throws; `LimitExceeded` when the other side sends a longer piece
///               than was allowed, at once, without waiting for its end; `BusyResource` when
///               another job is reading.
/// Cancellation: nothing that was read is lost: whatever came stays in the buffer, and the next
///               operation, of whatever kind, begins where this one did. The same holds for every
///               exception.
/// Lifetime:     the stream outlives the reader. What the reader has buffered is no longer in the
///               stream: go on reading through it.
/// Cost:         while it waits with nothing buffered, no memory, if the stream has `wait_readable`
///               (sockets have), else 4 KiB. While there is something, 4 KiB, more for longer
///               pieces, at most four times the limit. Lent by the thread: no allocation per
///               message.
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

    /// What is buffered, or else one read of the stream. Zero at its end.
    [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> into) {
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        if (buffer_.size() == 0 || into.empty()) {
            static_cast<void>(buffer_.rest());
            co_return co_await stream_.read_some(into);
        }
        co_return buffer_.take(into);
    }

    /// Fills `into`, without a limit: the memory is yours.
    ///
    /// Throws: `EndOfStream` when the stream ends before; what came is still to be read.
    [[nodiscard]] Task<> read_exactly(std::span<std::byte> into) {
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        detail::ReadBuffer::Filling filling(buffer_, into);
        while (!filling.rest().empty()) {
            static_cast<void>(buffer_.rest());
            const std::size_t more = co_await stream_.read_some(filling.rest());
            if (more == 0) {
                detail::throw_ended("read_exactly", filling.done(), into.size());
            }
            filling.add(more);
        }
    }

    /// The next `wanted` bytes.
    ///
    /// Throws: `EndOfStream` as above; `LimitExceeded` for more than the limit, `most`.
    [[nodiscard]] Task<std::span<const std::byte>> read_exactly(
        detail::Count wanted, detail::Count most = default_read_limit) {
        const std::size_t count = wanted.checked("read_exactly: the count");
        const std::size_t limit = most.checked("read_exactly: the limit");
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        if (count > limit) {
            detail::throw_limit("read_exactly", limit);
        }
        while (buffer_.size() < count) {
            if constexpr (detail::WaitsReadable<S>) {
                if (buffer_.rest()) {
                    co_await stream_.wait_readable();
                }
            } else {
                buffer_.shrink();
            }
            const std::size_t more = co_await stream_.read_some(buffer_.prepare());
            if (more == 0) {
                detail::throw_ended("read_exactly", buffer_.size(), count);
            }
            buffer_.commit(more);
        }
        const auto bytes = buffer_.unread().first(count);
        buffer_.consume(count);
        co_return bytes;
    }

    /// What comes before the next `delimiter`, which is taken too and not returned. Empty when the
    /// stream has ended and nothing is left.
    ///
    /// Throws: `EndOfStream` when the stream ends with something that has no delimiter;
    ///         `read_some` gets that.
    [[nodiscard]] Task<std::optional<std::span<const std::byte>>> read_until(
        std::string_view delimiter, detail::Count most = default_read_limit) {
        const std::size_t limit = most.checked("read_until: the limit");
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        std::size_t searched = 0;
        while (true) {
            const auto found = detail::find_delimiter(buffer_.text(), delimiter, limit, searched);
            if (found) {
                const auto bytes = buffer_.unread().first(found->length);
                buffer_.consume(found->consumed);
                co_return bytes;
            }
            if constexpr (detail::WaitsReadable<S>) {
                if (buffer_.rest()) {
                    co_await stream_.wait_readable();
                }
            } else {
                buffer_.shrink();
            }
            const std::size_t more = co_await stream_.read_some(buffer_.prepare());
            if (more == 0) {
                break;
            }
            buffer_.commit(more);
        }
        if (buffer_.size() != 0) {
            detail::throw_ended("read_until", buffer_.size());
        }
        co_return std::nullopt;
    }

    /// Of a temporary delimiter: to be awaited in the same expression.
    template <detail::TemporaryOwner Text>
    [[nodiscard]] auto read_until(Text&& delimiter, detail::Count limit = default_read_limit) {
        return detail::ExpressionTask(read_until(delimiter, limit));
    }

    /// The next line, without the LF or CRLF that ends it. At the end of the stream: what is there
    /// without one, as a last line; then empty. Where such a line must not be taken for a whole
    /// one, use `read_until("\n")`.
    [[nodiscard]] Task<std::optional<std::string_view>> read_line(
        detail::Count most = default_read_limit) {
        const std::size_t limit = most.checked("read_line: the limit");
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        std::size_t searched = 0;
        while (true) {
            const auto found = detail::find_line(buffer_.text(), limit, searched);
            if (found) {
                const std::string_view line = buffer_.text().substr(0, found->length);
                buffer_.consume(found->consumed);
                co_return line;
            }
            if constexpr (detail::WaitsReadable<S>) {
                if (buffer_.rest()) {
                    co_await stream_.wait_readable();
                }
            } else {
                buffer_.shrink();
            }
            const std::size_t more = co_await stream_.read_some(buffer_.prepare());
            if (more == 0) {
                break;
            }
            buffer_.commit(more);
        }
        if (buffer_.size() == 0) {
            co_return std::nullopt;
        }
        const std::string_view rest = buffer_.text();
        if (rest.size() > limit) {  // a CR at the end counts now
            detail::throw_limit("a line", limit);
        }
        buffer_.consume(rest.size());
        co_return rest;
    }

private:
    S& stream_;
    detail::ReadBuffer buffer_;
};

}  // namespace eddy::inline v0_1
