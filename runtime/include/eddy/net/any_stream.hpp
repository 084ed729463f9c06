// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/any_box.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

namespace detail {
template <class Op>
class BoxedAccept;
}  // namespace detail

/// Any stream behind one type: for what is compiled once and works over TCP, Unix sockets, TLS and
/// memory. Code that is a template over `Stream` needs none.
///
///     AnyStream stream = co_await connect("example.com", 443);
///     co_await stream.write_all("hello\n");
///
/// It is a stream like the one inside, with all that a stream may have besides. What that one has
/// not is done as well as it can be:
///
/// | member          | of a stream without it                                                   |
/// |-----------------|--------------------------------------------------------------------------|
/// | `wait_readable` | reads up to 256 bytes ahead, which the next `read_some` gives            |
/// | `wait_hang_up`  | never hears of one: waits until this side closes                         |
/// | `close_reset`   | closes                                                                   |
/// | `peer_watch`    | the limit of a server on silence has no effect                           |
///
/// An `AnyStream` in an `AnyStream` is one.
///
/// Throws:   what the stream throws; `InvalidState` after it was moved from.
/// Lifetime: owns the stream. It may be moved, closed and destroyed while operations wait, as any
///           stream.
/// Cost:     8 bytes, and a block of the frame pool. An operation allocates nothing: it holds the
///           one inside in place, or, if that is larger than those of sockets, in the frame pool;
///           a few nanoseconds more than the direct call.
class EDDY_API AnyStream final {
    using Span = std::span<const std::byte>;
    using Spans = std::span<const Span>;

public:
    /// Throws: `std::bad_alloc`; then the stream is where it was.
    template <class S>
        requires(!std::same_as<std::remove_cvref_t<S>, AnyStream> && !std::is_reference_v<S> &&
                 ReadStream<S> && WriteStream<S>)
    // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload)
    AnyStream(S&& stream) : AnyStream(box_of(stream)) {}
    AnyStream(AnyStream&&) noexcept = default;
    AnyStream& operator=(AnyStream&&) noexcept = default;
    ~AnyStream() = default;

    /// False once it was moved from.
    explicit operator bool() const noexcept { return box_ != nullptr; }

    /// The stream inside if it is an `S`, else null.
    ///
    ///     if (auto* tcp = stream.get_if<TcpStream>()) tcp->set_nodelay(false);
    template <class S>
    [[nodiscard]] S* get_if() noexcept {
        return box_ != nullptr ? static_cast<S*>(box_->find(detail::AnyTag<S>::of())) : nullptr;
    }
    template <class S>
    [[nodiscard]] const S* get_if() const noexcept {
        return box_ != nullptr ? static_cast<const S*>(box_->find(detail::AnyTag<S>::of()))
                               : nullptr;
    }

    [[nodiscard]] detail::AnyRead read_some(std::span<std::byte> into) { return {box(), into}; }
    [[nodiscard]] detail::AnyReadable wait_readable() { return detail::AnyReadable(box()); }
    [[nodiscard]] detail::AnyHangUp wait_hang_up() { return detail::AnyHangUp(box()); }

    [[nodiscard]] detail::AnyWriteSome write_some(Span bytes) { return {box(), bytes}; }
    [[nodiscard]] detail::AnyWriteAll write_all(Span bytes) { return {box(), bytes}; }
    [[nodiscard]] detail::AnyWriteAll write_all(Spans several) { return {box(), several}; }
    [[nodiscard]] detail::AnyWriteAll write_all(std::string_view text) {
        return {box(), Span(std::as_bytes(std::span(text)))};
    }
    /// Of temporaries: to be awaited in the same expression.
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::AnyWriteSome> write_some(Owner&& bytes) {
        return {box(), Span(bytes)};
    }
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::AnyWriteAll> write_all(Owner&& bytes) {
        return {box(), detail::bytes_of(bytes)};
    }

    [[nodiscard]] detail::AnyShutdown shutdown() { return detail::AnyShutdown(box()); }
    void close() { box().close(); }
    void close_reset() { box().close_reset(); }
    [[nodiscard]] PeerWatch& peer_watch() { return box().peer_watch(); }

private:
    template <class Op>
    friend class detail::BoxedAccept;

    explicit AnyStream(std::unique_ptr<detail::AnyStreamBox> box) noexcept : box_(std::move(box)) {}

    // The constraint does not ask whether `S` can be moved: of a stream that is made of an
    // `AnyStream` that would be asked here, and so on.
    template <class S>
    static std::unique_ptr<detail::AnyStreamBox> box_of(S& stream) {
        static_assert(Stream<S>, "a stream in an AnyStream can be moved, and closed");
        constexpr bool operations = detail::ReadsByOperation<S> && detail::WritesByOperation<S> &&
                                    detail::WaitsByOperation<S>;
        static_assert(operations,
                      "the reads and writes of a stream in an AnyStream are operations, not tasks: "
                      "make them with eddy::then, out of those of the stream inside");
        if constexpr (operations) {
            return std::make_unique<detail::AnyStreamBoxOf<S>>(std::move(stream));
        } else {
            return nullptr;
        }
    }

    [[nodiscard]] detail::AnyStreamBox& box() const {
        if (box_ == nullptr) [[unlikely]] {
            throw_moved_from();
        }
        return *box_;
    }
    [[noreturn]] static void throw_moved_from();

    std::unique_ptr<detail::AnyStreamBox> box_;
};

}  // namespace eddy::inline v0_1
