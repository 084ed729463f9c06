// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

/// How a frame's length is written in front of it, and how long it may be.
struct EDDY_VISIBLE FrameOptions {
    detail::Count limit = default_read_limit;        ///< of a frame's content
    detail::WholeNumber<unsigned> length_bytes = 4;  ///< 1 to 8
    std::endian order = std::endian::big;
};

namespace detail {

/// Lengths in front of frames.
class EDDY_API FrameCodec final {
public:
    using Header = std::array<std::byte, 8>;

    /// Throws: `std::invalid_argument` for options that make no sense.
    explicit FrameCodec(const FrameOptions& options);

    [[nodiscard]] std::size_t header_size() const noexcept { return length_bytes_; }

    /// The first `header_size()` bytes of the header are it.
    ///
    /// Throws: `std::invalid_argument` for a length above the limit.
    [[nodiscard]] Header encode(std::uint64_t length) const;
    /// Throws: `LimitExceeded`.
    [[nodiscard]] std::size_t decode(std::span<const std::byte> header) const;

private:
    std::size_t limit_ = 0;
    unsigned length_bytes_;
    std::endian order_;
};

}  // namespace detail

/// Reads messages that have their length in front.
///
///     FrameReader reader(stream, {.limit = 1 << 20});
///     while (true) {
///         const auto frame = co_await reader.next();
///         if (!frame) break;  // the end of the stream
///         ...
///     }
///
/// A frame lies in the reader's buffer and is valid until its next operation.
///
/// Throws:       what the stream throws; `LimitExceeded` for a longer frame, once its length is
///               there: the stream is of no use any more; `EndOfStream` when the stream ends inside
///               a frame; `BusyResource` when another job is reading.
/// Cancellation: nothing that was read is lost: the next call goes on with the same frame.
/// Lifetime:     the stream outlives the reader.
/// Cost:         as `BufferedReader`: no memory while it waits for a frame, no allocation per
///               frame.
template <class S>
    requires ReadStream<S>
class EDDY_VISIBLE FrameReader final {
public:
    /// Throws: `std::invalid_argument` for a length of 0 or more than 8 bytes.
    explicit FrameReader(S& stream, const FrameOptions& options = {})
        : stream_(stream), codec_(options) {}
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;

    [[nodiscard]] S& stream() const noexcept { return stream_; }

    /// The next frame, possibly of no bytes. Empty when the stream has ended between two.
    [[nodiscard]] Task<std::optional<std::span<const std::byte>>> next() {
        co_await checkpoint();
        const detail::ReadBuffer::Use use(buffer_);
        const std::size_t header = codec_.header_size();
        std::size_t wanted = header;
        bool has_length = false;
        while (true) {
            if (!has_length && buffer_.size() >= header) {
                wanted += codec_.decode(buffer_.unread().first(header));
                has_length = true;
            }
            if (has_length && buffer_.size() >= wanted) {
                break;
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
                if (buffer_.size() == 0) {
                    co_return std::nullopt;
                }
                detail::throw_ended("a frame", buffer_.size(), wanted);
            }
            buffer_.commit(more);
        }
        const auto content = buffer_.unread().subspan(header, wanted - header);
        buffer_.consume(wanted);
        co_return content;
    }

private:
    S& stream_;
    detail::FrameCodec codec_;
    detail::ReadBuffer buffer_;
};

/// Writes messages with their length in front.
///
///     FrameWriter writer(stream);
///     co_await writer.send("hello");
///
/// Throws:       what the stream throws; `std::invalid_argument` for a message above the limit,
///               of which nothing is written then; `BusyResource` when another job is writing.
/// Cancellation: as `write_all` of the stream: it has not happened, or the stream is broken.
/// Lifetime:     the stream outlives the writer; the message is the caller's until the await ends.
/// Cost:         one gathered write per message; nothing is copied, nothing allocated.
template <class S>
    requires WriteStream<S>
class EDDY_VISIBLE FrameWriter final {
public:
    /// Throws: `std::invalid_argument` for a length of 0 or more than 8 bytes.
    explicit FrameWriter(S& stream, const FrameOptions& options = {})
        : stream_(stream), codec_(options) {}
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    [[nodiscard]] S& stream() const noexcept { return stream_; }

    [[nodiscard]] Task<> send(std::span<const std::byte> message) {
        co_await checkpoint();
        const detail::FrameCodec::Header header = codec_.encode(message.size());
        const std::array<std::span<const std::byte>, 2> parts{
            std::span(header).first(codec_.header_size()), message};
        const std::span<const std::span<const std::byte>> both(parts);
        co_await stream_.write_all(both);
    }
    [[nodiscard]] Task<> send(std::string_view message) {
        return send(std::as_bytes(std::span(message)));
    }
    /// Of a temporary: to be awaited in the same expression.
    template <detail::TemporaryOwner Message>
    [[nodiscard]] detail::ExpressionTask<void> send(Message&& message) {
        return detail::ExpressionTask(send(message));
    }

private:
    S& stream_;
    detail::FrameCodec codec_;
};

/// Both on one stream: `next` in one job, `send` in the same or in another.
template <class S>
    requires Stream<S>
class EDDY_VISIBLE Framed final {
public:
    explicit Framed(S& stream, const FrameOptions& options = {})
        : reader_(stream, options), writer_(stream, options) {}

    [[nodiscard]] auto next() { return reader_.next(); }
    template <class Message>
    [[nodiscard]] auto send(Message&& message) {
        return writer_.send(std::forward<Message>(message));
    }

private:
    FrameReader<S> reader_;
    FrameWriter<S> writer_;
};

}  // namespace eddy::inline v0_1
