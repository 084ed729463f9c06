// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/oneshot_state.hpp>

namespace eddy::inline v0_1 {

/// The end of a `Oneshot` that sends its value. Movable, so a request can carry it along.
///
/// Destroyed without a send, it breaks the promise: the receiver hears of it.
template <class T>
class EDDY_VISIBLE OneshotSender final {
    using State = detail::OneshotState<T>;

public:
    explicit OneshotSender(const detail::LocalRef<State>& state) noexcept : state_(state) {}
    OneshotSender(OneshotSender&& other) noexcept = default;
    OneshotSender& operator=(OneshotSender other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~OneshotSender() {
        if (state_) {
            state_->require_here();
            state_->drop_sender();
        }
    }

    /// Sends the value, once. Empty: it is sent. Otherwise the receiver is gone, or has closed, and
    /// the value comes back. Sent is not read: a receiver that has left its wait, and is dropped
    /// without another look, loses it (see `OneshotReceiver::receive`).
    ///
    /// Throws: `InvalidState` the second time.
    [[nodiscard]] std::optional<T> send(T value) {
        State& shared = state("OneshotSender::send");
        if (!shared.wanted()) {
            return std::optional<T>(std::move(value));
        }
        shared.send(std::move(value));
        state_ = {};
        return std::nullopt;
    }

    /// False once a send would give the value back: no need to make one.
    [[nodiscard]] bool is_wanted() const { return state("OneshotSender::is_wanted").wanted(); }

private:
    [[nodiscard]] State& state(const char* what) const {
        if (!state_) [[unlikely]] {
            detail::throw_oneshot_used(what);
        }
        state_->check(what);
        return *state_;
    }

    detail::LocalRef<State> state_;  // null when it was used, or moved from
};

/// The end that waits for the value.
///
/// Throws: `receive`: `BrokenResource` when the sender is gone without a send, `EndOfStream` when
///         the value has been received, `ClosedResource` after `close`. `next` is empty instead of
///         the first two.
template <class T>
class EDDY_VISIBLE OneshotReceiver final {
    using State = detail::OneshotState<T>;

public:
    template <class R>
    class Receive;

    explicit OneshotReceiver(const detail::LocalRef<State>& state) noexcept : state_(state) {}
    OneshotReceiver(OneshotReceiver&& other) noexcept = default;
    OneshotReceiver& operator=(OneshotReceiver other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~OneshotReceiver() {
        if (state_) {
            state_->require_here();
            state_->drop_receiver();
        }
    }

    [[nodiscard]] OneshotStatistics statistics() const {
        return state("OneshotReceiver::statistics")->statistics();
    }

    /// Waits for the value. Cancellation: it was not received, and can be by the next call.
    ///
    /// A job that has left its wait, because a timeout won, is not yet a receiver that is gone: a
    /// value that is sent before that job runs again counts as sent, and is kept for its next
    /// look. A receiver that stops waiting looks once more, so that nothing is lost:
    ///
    ///     const auto got = co_await select(once.receiver.receive(), sleep_for(1s));
    ///     if (got.index() == 1) {
    ///         once.receiver.close();  // from here on a send gives its value back
    ///         if (auto late = once.receiver.try_receive()) { use(std::move(*late)); }
    ///     }
    [[nodiscard]] Receive<T> receive() const {
        return Receive<T>(state("OneshotReceiver::receive"));
    }
    /// The same; empty when there is none and will be none.
    [[nodiscard]] Receive<std::optional<T>> next() const {
        return Receive<std::optional<T>>(state("OneshotReceiver::next"));
    }
    /// Empty when it is not there now.
    [[nodiscard]] std::optional<T> try_receive() const {
        return state("OneshotReceiver::try_receive")->try_receive();
    }

    /// A later send gives its value back; one that was sent before can still be received. Repeating
    /// it does nothing.
    void close() { state("OneshotReceiver::close")->refuse(); }

private:
    [[nodiscard]] const detail::LocalRef<State>& state(const char* what) const {
        if (!state_) [[unlikely]] {
            detail::throw_moved_from(what);
        }
        state_->check(what);
        return state_;
    }

    detail::LocalRef<State> state_;  // null when moved from
};

/// One value, sent once, from one job to another: the answer to a request.
///
///     Oneshot<Answer> once;
///     co_await requests.send(Request(question, std::move(once.sender)));
///     const Answer answer = co_await once.receiver.receive();
///
/// For many values see `open_channel`; for a result that many wait for, or that can be an error,
/// `Future`; between threads, `Portal`.
///
/// Requires: the value is moved and destroyed without throwing.
/// Lifetime: the ends are independent: each may go, and the other one hears of it.
/// Cost:     one allocation; a wait none.
/// Source:   tokio's oneshot channels.
template <class T>
class EDDY_VISIBLE Oneshot final {
public:
    OneshotSender<T> sender;
    OneshotReceiver<T> receiver;

    Oneshot() : Oneshot(detail::LocalRef<detail::OneshotState<T>>(new detail::OneshotState<T>())) {}

private:
    explicit Oneshot(const detail::LocalRef<detail::OneshotState<T>>& state) noexcept
        : sender(state), receiver(state) {}
};

/// R is T, or optional<T>, which is empty when there is none.
template <class T>
template <class R>
class OneshotReceiver<T>::Receive final : public State::Take {
    static constexpr bool throws_at_end = std::is_same_v<R, T>;

public:
    explicit Receive(const detail::LocalRef<State>& state) noexcept
        : State::Take(*state), shared_(state) {}

    [[nodiscard]] bool try_now() {
        shared_->check(what());
        if (!this->try_take() && shared_->over()) {
            this->end_ = shared_->how_over();
        }
        return this->entry_ || this->end_ != detail::ExchangeWait::End::done;
    }
    [[nodiscard]] R take() {
        if (this->entry_) [[likely]] {
            return this->take_item();
        }
        if constexpr (!throws_at_end) {
            if (this->end_ == detail::ExchangeWait::End::drained) {
                return std::nullopt;
            }
        }
        shared_->throw_over(this->end_, what());
    }
    [[nodiscard]] const char* what() const noexcept override {
        return throws_at_end ? "OneshotReceiver::receive" : "OneshotReceiver::next";
    }

private:
    detail::LocalRef<State> shared_;
};

}  // namespace eddy::inline v0_1
