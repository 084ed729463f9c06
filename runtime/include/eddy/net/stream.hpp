// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

#include <eddy/await_result.hpp>
#include <eddy/detail/promise.hpp>

/// What the parts above a connection are written against: buffered readers, frames, `copy`,
/// timeouts, `serve`. A TCP connection is a `Stream`, and so are one over a Unix socket, one in
/// memory for tests, and any wrapper of these; what each operation throws and leaves behind is the
/// same for all of them:
///
/// - One job may read while another writes. A second reader, or writer, gets `BusyResource`.
/// - An empty span to read into is a `std::invalid_argument`; an empty one to write is written.
/// - `close` on this side ends what waits, and whatever comes later, with `ClosedResource`. When
///   the other side is gone, reads and writes throw `BrokenResource`; but its orderly end, once
///   everything has been read, is a read of zero bytes, again and again.
/// - A read that was cancelled has read nothing. A write that was cancelled before its first byte
///   has not happened; after that the stream cannot be written any more (`BrokenResource`), and
///   closing it resets the connection: the other side never takes half for the whole.
/// - Spans, and the spans in a span of spans, belong to the caller until the await ends: a
///   temporary string or vector is for a `co_await` in the same expression.

namespace eddy::inline v0_1 {

namespace detail {

/// A string, vector or array that ends with the expression, and so does what looks into it.
template <class M>
concept TemporaryOwner =
    !std::is_reference_v<M> && std::ranges::contiguous_range<M> && !std::ranges::borrowed_range<M>;

/// What a write takes of it.
template <class Owner>
[[nodiscard]] auto bytes_of(const Owner& owner) noexcept {
    if constexpr (std::is_convertible_v<const Owner&, std::string_view>) {
        return std::span<const std::byte>(std::as_bytes(std::span(std::string_view(owner))));
    } else if constexpr (std::is_convertible_v<const Owner&, std::span<const std::byte>>) {
        return std::span<const std::byte>(owner);
    } else {
        return std::span<const std::span<const std::byte>>(owner);
    }
}

/// An operation that looks into one.
template <class Op>
class OfTemporary final : public Op {
public:
    static constexpr bool ends_with_expression = true;
    using Op::Op;
};

}  // namespace detail

/// `read_some(into)`: waits for at least one byte and reads what is there, up to the span's size.
/// Returns how many; zero at the end of the stream.
template <class S>
concept ReadStream = requires(S& stream, std::span<std::byte> into) {
    { stream.read_some(into) } -> AwaitsTo<std::size_t>;
};

/// A stream may have `wait_readable()` besides: waits until a read would not have to, because there
/// is something, or the end, or an error; a reader in all other respects. Then whoever reads need
/// not have a buffer while it waits: the readers of this library have none.
namespace detail {
template <class S>
concept WaitsReadable = requires(S& stream) {
    { stream.wait_readable() } -> AwaitsTo<void>;
};
}  // namespace detail

/// And `wait_hang_up()`: waits until the peer has ended its side, in good order or by a reset, also
/// while there are bytes that nobody has read, if they have left room for it. One job may, beside a
/// reader and a writer; it reads nothing, and `close` ends it with `ClosedResource`. What nobody
/// waits for any more can end then:
///
///     const auto first = co_await select(done.wait(), stream.wait_hang_up());
///
/// A peer that half-closes has ended its side too, and may still wait for an answer.
namespace detail {
template <class S>
concept WaitsHangUp = requires(S& stream) {
    { stream.wait_hang_up() } -> AwaitsTo<void>;
};
}  // namespace detail

/// `write_some(bytes)`: waits for room and writes what fits, at least one byte; returns how many.
/// `write_all`: one span, several as if they were one, or text. `shutdown`: this side writes no
/// more; the other one reads the end of the stream, and may go on writing.
template <class S>
concept WriteStream = requires(S& stream,
                               std::span<const std::byte> bytes,
                               std::span<const std::span<const std::byte>> several,
                               std::string_view text) {
    { stream.write_some(bytes) } -> AwaitsTo<std::size_t>;
    { stream.write_all(bytes) } -> AwaitsTo<void>;
    { stream.write_all(several) } -> AwaitsTo<void>;
    { stream.write_all(text) } -> AwaitsTo<void>;
    { stream.shutdown() } -> AwaitsTo<void>;
};

/// What a stream of your own returns from these is best an operation too, as from all of the
/// library: it can be selected, and be a part of another one. `then` makes one out of that of the
/// stream inside. A task is only awaited; what says that it needs operations refuses it.
namespace detail {
template <class S>
concept ReadsByOperation = ReadStream<S> && requires(S& stream, std::span<std::byte> into) {
    requires WaitOperation<decltype(stream.read_some(into))>;
};
template <class S>
concept WritesByOperation =
    WriteStream<S> && requires(S& stream,
                               std::span<const std::byte> bytes,
                               std::span<const std::span<const std::byte>> several) {
        requires WaitOperation<decltype(stream.write_some(bytes))>;
        requires WaitOperation<decltype(stream.write_all(bytes))>;
        requires WaitOperation<decltype(stream.write_all(several))>;
        requires WaitOperation<decltype(stream.shutdown())>;
    };
}  // namespace detail

/// Both, owned by one object: moved, never copied, closed by its destructor or before by `close`.
/// A stream may be moved, closed and destroyed while operations on it wait.
///
///     template <Stream S>
///     Task<> echo(S stream) {
///         std::array<std::byte, 4096> buffer;
///         while (true) {
///             const std::size_t length = co_await stream.read_some(buffer);
///             if (length == 0) break;
///             co_await stream.write_all(std::span(buffer).first(length));
///         }
///     }
template <class S>
concept Stream =
    ReadStream<S> && WriteStream<S> && std::move_constructible<S> && requires(S& stream) {
        { stream.close() } -> std::same_as<void>;
    };

/// Where streams come from: `accept()` waits for the next connection. After `close` that throws
/// `ClosedResource`; when the process or the machine is short of something, `IoError` with the
/// code, at once. A cancelled accept has accepted nothing.
template <class L>
concept Listener = requires(L& listener) {
    requires Stream<await_result_t<decltype(listener.accept())>>;
    { listener.close() } -> std::same_as<void>;
};

/// The streams of a listener.
template <Listener L>
using accepted_t = await_result_t<decltype(std::declval<L&>().accept())>;

}  // namespace eddy::inline v0_1
