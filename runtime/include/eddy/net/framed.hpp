// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/stream_reads.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/select.hpp>
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

/// A frame, in the buffer of a reader.
class EDDY_API FrameLook final {
public:
    static constexpr const char* name = "FrameReader::next";
    using Result = std::optional<std::span<const std::byte>>;

    explicit FrameLook(const FrameCodec& codec) noexcept : codec_(&codec) {}

    void begin() noexcept {
        wanted_ = codec_->header_size();
        has_length_ = false;
        ended_ = false;
    }
    [[nodiscard]] bool complete(const ReadBuffer& buffer);
    void at_end(const ReadBuffer& buffer);
    [[nodiscard]] Result take(ReadBuffer& buffer) const noexcept {
        if (ended_) {
            return std::nullopt;
        }
        const std::size_t header = codec_->header_size();
        const auto content = buffer.unread().subspan(header, wanted_ - header);
        buffer.consume(wanted_);
        return content;
    }

private:
    const FrameCodec* codec_;
    std::size_t wanted_ = 0;  // of the header, and as soon as that is there of the whole frame
    bool has_length_ = false;
    bool ended_ = false;
};

template <class S>
using WriteAllOf =
    decltype(std::declval<S&>().write_all(std::span<const std::span<const std::byte>>()));

template <class S>
concept WritesAllByOperation = WaitOperation<WriteAllOf<S>>;

/// The bytes of what is a string, or a range of bytes.
template <class Message>
[[nodiscard]] std::span<const std::byte> bytes_of_message(const Message& message) {
    if constexpr (std::is_convertible_v<const Message&, std::string_view>) {
        return std::as_bytes(std::span(std::string_view(message)));
    } else {
        return std::span<const std::byte>(message);
    }
}

/// One gathered write of a length and a message.
template <class S>
class EDDY_VISIBLE SendWait : public OuterWait {
    using Parts = std::span<const std::span<const std::byte>>;

public:
    static constexpr bool calls_out = detail::calls_out<WriteAllOf<S>>;
    static constexpr bool looks_again = detail::looks_again<WriteAllOf<S>>;
    static constexpr bool steps_call_out = detail::steps_call_out<WriteAllOf<S>>;
    static constexpr bool take_calls_out = detail::take_calls_out<WriteAllOf<S>>;

    SendWait(S& stream, const FrameCodec& codec, std::span<const std::byte> message) noexcept
        : stream_(stream), codec_(codec), parts_{std::span<const std::byte>(), message} {}

    [[nodiscard]] bool try_now() {
        header_ = codec_.encode(parts_[1].size());
        parts_[0] = std::span(header_).first(codec_.header_size());
        auto& write = write_.emplace([this] { return stream_.write_all(Parts(parts_)); });
        if (!write.try_now()) {
            return false;
        }
        holds(write);
        return true;
    }
    void start() { start_inner(*write_); }
    void take() {
        left();
        write_->take();
    }
    [[nodiscard]] const char* what() const noexcept override { return "FrameWriter::send"; }

private:
    S& stream_;
    const FrameCodec& codec_;
    FrameCodec::Header header_{};
    std::array<std::span<const std::byte>, 2> parts_;
    OperationSlot<WriteAllOf<S>> write_;
};

template <class S>
Task<> send_task(S& stream, const FrameCodec& codec, std::span<const std::byte> message) {
    co_await checkpoint();
    const FrameCodec::Header header = codec.encode(message.size());
    const std::array<std::span<const std::byte>, 2> parts{
        std::span(header).first(codec.header_size()), message};
    const std::span<const std::span<const std::byte>> both(parts);
    co_await stream.write_all(both);
}

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
///               a frame; `BusyResource` when another operation reads.
/// Cancellation: nothing that was read is lost: the next call goes on with the same frame. A frame
///               that is complete in the moment of the cancellation is given.
/// Lifetime:     as `BufferedReader`.
/// Cost:         as `BufferedReader`: no memory while it waits for a frame, no allocation per
///               frame. Operations, on the same condition.
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
    [[nodiscard]] auto next() {
        return detail::read_piece(stream_, buffer_, detail::FrameLook(codec_));
    }

    /// Waits until something has come: at once if something is buffered, else as the stream. Holds
    /// no memory. After it `next` may have to wait for the rest of a frame.
    [[nodiscard]] auto wait_readable()
        requires detail::WaitsReadable<S>
    {
        return detail::wait_for_anything(stream_, buffer_, "FrameReader::wait_readable");
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
///
/// `send` is an operation if the stream's `write_all` is one, else a task.
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

    [[nodiscard]] auto send(std::span<const std::byte> message) {
        if constexpr (detail::WritesAllByOperation<S>) {
            return detail::SendWait<S>(stream_, codec_, message);
        } else {
            return detail::send_task(stream_, codec_, message);
        }
    }
    [[nodiscard]] auto send(std::string_view message) {
        return send(std::as_bytes(std::span(message)));
    }
    /// Of a temporary: to be awaited in the same expression.
    template <detail::TemporaryOwner Message>
    [[nodiscard]] auto send(Message&& message) {
        const auto bytes = detail::bytes_of_message(message);
        if constexpr (detail::WritesAllByOperation<S>) {
            return detail::OfTemporary<detail::SendWait<S>>(stream_, codec_, bytes);
        } else {
            return detail::ExpressionTask(detail::send_task(stream_, codec_, bytes));
        }
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
    [[nodiscard]] auto wait_readable()
        requires detail::WaitsReadable<S>
    {
        return reader_.wait_readable();
    }
    template <class Message>
    [[nodiscard]] auto send(Message&& message) {
        return writer_.send(std::forward<Message>(message));
    }

private:
    FrameReader<S> reader_;
    FrameWriter<S> writer_;
};

}  // namespace eddy::inline v0_1
