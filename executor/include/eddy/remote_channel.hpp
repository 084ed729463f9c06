// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/remote_state.hpp>
#include <eddy/detail/whole_number.hpp>

namespace eddy::inline v0_1 {

/// One end of a bounded channel between threads and loops: where items go in.
///
/// Awaited on a loop, blocking elsewhere; either end may be on either side, in any number of
/// copies. Both sides wait when the other is slow: the buffer never holds more than its capacity.
///
///     auto [sender, receiver] = open_remote_channel<Frame>(8);
///     std::jthread camera([sender = std::move(sender)] {
///         while (...) sender.blocking_send(grab());  // waits while 8 frames are unseen
///     });
///     while (auto frame = co_await receiver.next()) { ... }  // ends when the sender is gone
///
/// Between jobs of one loop, `open_channel` is lighter; for one result, see `Portal`.
///
/// Order:        items come out in the order they went in; of several receivers, none is preferred.
/// Cancellation: a cancelled `send` has sent nothing, a cancelled `receive` has taken nothing.
/// Threading:    any; but all jobs that await at one end are on one loop, `WrongThread` otherwise.
///               The end of that loop closes the channel. A child that was forked since it was
///               opened gets `BrokenResource` from everything, and may drop its ends.
/// Lifetime:     each end counts its copies; an end closes with its last copy.
/// Cost:         one lock; the loop is woken once for a burst. Allocates only when opened, and when
///               an end is first awaited.
template <class T>
class EDDY_VISIBLE RemoteSender final {
public:
    class Send;

    explicit RemoteSender(std::shared_ptr<detail::RemoteStateOf<T>> state) noexcept
        : state_(std::move(state)) {
        state_->join(detail::RemoteState::sending);
    }
    RemoteSender(const RemoteSender& other) noexcept : RemoteSender(other.state_) {}
    RemoteSender(RemoteSender&& other) noexcept = default;
    RemoteSender& operator=(RemoteSender other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~RemoteSender() {
        if (state_) {
            state_->leave(detail::RemoteState::sending);
        }
    }

    /// On the loop: waits for room. Throws: `BrokenResource` when the receivers are gone or have
    /// closed, `ClosedResource` when a sender has; the operation keeps the item then, and can be
    /// awaited again. Once it is sent, `InvalidState`.
    [[nodiscard]] Send send(T item) const { return Send(state_, std::move(item)); }

    /// On other threads: blocks until there is room.
    ///
    /// Throws: as `send`, and `item` is untouched; `InvalidState` on a thread that runs a loop;
    ///         `JobCancelled` in an offloaded call that is asked to stop.
    void blocking_send(T&& item) const {
        auto lock = state_->enter();
        state_->block(detail::RemoteState::sending, lock, "RemoteSender::blocking_send");
        if (const auto why = state_->closed(); why != detail::RemoteState::Closed::no) {
            lock.unlock();
            detail::RemoteState::throw_closed(why, detail::RemoteState::sending);
        }
        state_->push(std::move(item));
        state_->wake(detail::RemoteState::receiving, lock);
    }
    void blocking_send(const T& item) const { blocking_send(T(item)); }

    /// Anywhere: false, and `item` untouched, when it would have to wait or the channel is closed.
    [[nodiscard]] bool try_send(T&& item) const {
        auto lock = state_->enter();
        if (!state_->has_room() || state_->closed() != detail::RemoteState::Closed::no) {
            return false;
        }
        state_->push(std::move(item));
        state_->wake(detail::RemoteState::receiving, lock);
        return true;
    }
    [[nodiscard]] bool try_send(const T& item) const { return try_send(T(item)); }

    /// No more items, from any sender; what is in the channel can still be received.
    void close() const {
        auto lock = state_->enter();
        state_->close(detail::RemoteState::Closed::by_sender, lock);
    }
    [[nodiscard]] bool closed() const {
        if (state_->inherited()) {
            return true;
        }
        const auto lock = state_->enter();
        return state_->closed() != detail::RemoteState::Closed::no;
    }

private:
    std::shared_ptr<detail::RemoteStateOf<T>> state_;  // null when moved from
};

/// Where items come out. See `RemoteSender`.
template <class T>
class EDDY_VISIBLE RemoteReceiver final {
public:
    template <class R>
    class Receive;

    explicit RemoteReceiver(std::shared_ptr<detail::RemoteStateOf<T>> state) noexcept
        : state_(std::move(state)) {
        state_->join(detail::RemoteState::receiving);
    }
    RemoteReceiver(const RemoteReceiver& other) noexcept : RemoteReceiver(other.state_) {}
    RemoteReceiver(RemoteReceiver&& other) noexcept = default;
    RemoteReceiver& operator=(RemoteReceiver other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~RemoteReceiver() {
        if (state_) {
            state_->leave(detail::RemoteState::receiving);
        }
    }

    /// On the loop: waits for an item. Throws: `EndOfStream` when the channel is closed and
    /// drained.
    [[nodiscard]] Receive<T> receive() const { return Receive<T>(state_); }
    /// The same; empty when the channel is closed and drained.
    [[nodiscard]] Receive<std::optional<T>> next() const {
        return Receive<std::optional<T>>(state_);
    }

    /// On other threads: blocks until there is an item. Throws: as `receive`; `InvalidState` on a
    /// thread that runs a loop; `JobCancelled` in an offloaded call that is asked to stop.
    [[nodiscard]] T blocking_receive() const {
        std::optional<T> item = blocking_next("RemoteReceiver::blocking_receive");
        if (!item) {
            detail::RemoteState::throw_drained();
        }
        return std::move(*item);
    }
    [[nodiscard]] std::optional<T> blocking_next() const {
        return blocking_next("RemoteReceiver::blocking_next");
    }

    /// Anywhere: empty when there is none now.
    [[nodiscard]] std::optional<T> try_receive() const {
        auto lock = state_->enter();
        return take(lock);
    }

    /// Senders get `BrokenResource` from now on; what is in the channel can still be received.
    void close() const {
        auto lock = state_->enter();
        state_->close(detail::RemoteState::Closed::by_receiver, lock);
    }
    [[nodiscard]] std::size_t size() const {
        const auto lock = state_->enter();
        return state_->size();
    }

private:
    [[nodiscard]] std::optional<T> blocking_next(const char* what) const {
        auto lock = state_->enter();
        state_->block(detail::RemoteState::receiving, lock, what);
        return take(lock);
    }
    [[nodiscard]] std::optional<T> take(detail::RemoteState::Lock& lock) const {
        std::optional<T> item;
        if (state_->has_item()) {
            item.emplace(state_->pop());
            state_->wake(detail::RemoteState::sending, lock);
        }
        return item;
    }

    std::shared_ptr<detail::RemoteStateOf<T>> state_;
};

/// A channel that buffers up to `capacity` items.
///
/// Throws: `std::invalid_argument` for a capacity of 0 or less.
template <class T>
[[nodiscard]] std::pair<RemoteSender<T>, RemoteReceiver<T>> open_remote_channel(
    detail::Count capacity) {
    auto state = std::make_shared<detail::RemoteStateOf<T>>(
        capacity.checked("open_remote_channel: the capacity"));
    return {RemoteSender<T>(state), RemoteReceiver<T>(state)};
}

}  // namespace eddy::inline v0_1

#include <eddy/detail/remote_wait.hpp>  // IWYU pragma: export
