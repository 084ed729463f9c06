// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include <eddy/detail/channel_state.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/unbounded.hpp>

namespace eddy::inline v0_1 {

/// One end of a channel between jobs: where items go in. `Receiver` is where they come out.
///
/// A copy is another handle on the same end. An end is gone when its last open handle is closed or
/// destroyed, and the other one hears of it: that is how a stream ends. So a sender that is passed
/// by value without `std::move` is copied, and what is left with the caller keeps the stream open.
///
///     auto [sender, receiver] = open_channel<Frame>(8);  // 0: from hand to hand
///     group.spawn(camera(std::move(sender)));            // co_await sender.send(grab());
///     while (auto frame = co_await receiver.next()) { show(*frame); }
///
/// For work that is counted and shared by name see `Queue`; every receiver gets every item of a
/// `Broadcast`; between threads, `open_remote_channel`.
///
/// Requires:     items are moved and destroyed without throwing.
/// Throws:       `ClosedResource` through a handle that was closed, also to the jobs that wait
///               through it (jobs that wait through a copy are not disturbed); `BrokenResource`
///               when no receiver is left. Then, and if it is cancelled, a send has not touched the
///               item: the caller still has it.
/// Order:        as `Queue`: an item goes to the longest waiting receiver, room to the longest
///               waiting sender or reservation, at once.
/// Lifetime:     a handle may go while jobs wait through it: it closes. An item that `send` was
///               given to move from lives until the wait is over, unless it is trivial to copy.
/// Cost:         as `Queue`; closing a handle looks at those who wait at its end.
/// Source:       trio's memory channels; tokio's `reserve`, and tokio issue 8260.
template <class T>
class EDDY_VISIBLE Sender final {
    using State = detail::ChannelState<T>;

public:
    using Send = typename State::Send;
    class SendCopy;
    class Reserve;
    class Slot;

    explicit Sender(const detail::LocalRef<State>& state) : handle_(state) {}

    [[nodiscard]] bool is_closed() const noexcept { return handle_.id() == 0; }
    [[nodiscard]] ChannelStatistics statistics() const {
        return handle_.state("Sender::statistics")->statistics();
    }

    /// Waits until a receiver takes the item or the channel has room for it. It is moved from when,
    /// and only if, it goes in. Of an item that is trivial to copy, or that has to be copied, the
    /// operation has a copy.
    [[nodiscard]] Send send(T&& item EDDY_LIFETIMEBOUND) const
        requires(!detail::copied_when_given<T>)
    {
        return Send(handle_.state("Sender::send"), handle_.id(), item);
    }
    [[nodiscard]] SendCopy send(const T& item) const
        requires std::copy_constructible<T>
    {
        return SendCopy(handle_.state("Sender::send"), handle_.id(), item);
    }

    /// False, and the item untouched, if it would have to wait. Throws: as `send`.
    [[nodiscard]] bool try_send(T&& item) const {
        const auto& shared = handle_.state("Sender::try_send");
        shared->check_sender(handle_.id(), "Sender::try_send");
        return shared->try_send(item);
    }
    [[nodiscard]] bool try_send(const T& item) const
        requires std::copy_constructible<T>
    {
        return try_send(T(item));
    }

    /// Waits for room and keeps it: for who must not make an item before it can be sent.
    ///
    /// Throws: as `send`; `InvalidState` if the capacity is 0.
    [[nodiscard]] Reserve reserve() const {
        return Reserve(handle_.state("Sender::reserve"), handle_.id());
    }
    [[nodiscard]] std::optional<Slot> try_reserve() const;

    /// Nothing more through this handle. Repeating it does nothing.
    void close() { handle_.close("Sender::close"); }

private:
    detail::ChannelHandle<T, detail::ChannelEnd::sending> handle_;
};

/// Where items come out. See `Sender`.
///
/// Throws: `ClosedResource` through a handle that was closed; `receive`: `EndOfStream` when no
///         sender and no slot is left, and all items have been received.
template <class T>
class EDDY_VISIBLE Receiver final {
    using State = detail::ChannelState<T>;

public:
    template <class R>
    using Receive = typename State::template Receive<R>;

    explicit Receiver(const detail::LocalRef<State>& state) : handle_(state) {}

    [[nodiscard]] bool is_closed() const noexcept { return handle_.id() == 0; }
    [[nodiscard]] ChannelStatistics statistics() const {
        return handle_.state("Receiver::statistics")->statistics();
    }

    /// Waits for an item. Cancellation: nothing was received; one that was given its item keeps it,
    /// and if its frame dies the item is the next to come out.
    [[nodiscard]] Receive<T> receive() const {
        return Receive<T>(handle_.state("Receiver::receive"), handle_.id());
    }
    /// The same; empty at the end of the stream.
    [[nodiscard]] Receive<std::optional<T>> next() const {
        return Receive<std::optional<T>>(handle_.state("Receiver::next"), handle_.id());
    }
    /// Empty when there is none now, and when there will be no more.
    [[nodiscard]] std::optional<T> try_receive() const {
        const auto& shared = handle_.state("Receiver::try_receive");
        shared->check_receiver(handle_.id(), "Receiver::try_receive");
        return shared->try_receive();
    }

    /// Nothing more through this handle; with the last one, what was not received is dropped.
    void close() { handle_.close("Receiver::close"); }

private:
    detail::ChannelHandle<T, detail::ChannelEnd::receiving> handle_;
};

/// A channel that buffers up to `capacity` items. 0: a send waits until its item is received.
///
/// Throws: `std::invalid_argument` for a negative capacity; without a bound it is `unbounded`.
template <class T>
[[nodiscard]] std::pair<Sender<T>, Receiver<T>> open_channel(detail::Count capacity) {
    detail::LocalRef<detail::ChannelState<T>> state(
        new detail::ChannelState<T>(capacity.checked("open_channel: the capacity")));
    return {Sender<T>(state), Receiver<T>(state)};
}

}  // namespace eddy::inline v0_1

#include <eddy/detail/channel_wait.hpp>  // IWYU pragma: export
