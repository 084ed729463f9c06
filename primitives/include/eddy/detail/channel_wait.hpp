// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <eddy/channel.hpp>
#include <eddy/detail/brought_item.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

/// Brings its own item.
template <class T>
class Sender<T>::SendCopy final : public Send {
public:
    explicit SendCopy(detail::LocalRef<State> state,
                      detail::ChannelCore::Handle handle,
                      const T& item)
        : Send(std::move(state), handle, brought_.item), brought_(std::in_place, item) {}

    [[nodiscard]] bool try_now() {
        brought_.require("Sender::send");
        return Send::try_now();
    }
    void take() {
        Send::take();
        brought_.given();
    }

private:
    void pass_on() noexcept override {
        if (this->end_ == detail::ExchangeWait::End::done) {
            brought_.given();
        }
    }

    detail::BroughtItem<T> brought_;
};

/// Room for one item that nobody can take away; sending into it does not wait.
///
/// It is part of the sending end: while there is one, receivers wait for it, also when all senders
/// are closed. Dropped, it gives the room back.
template <class T>
class Sender<T>::Slot final {
public:
    /// Requires: a slot that was granted, which is this one's from now on.
    explicit Slot(detail::LocalRef<State> state) noexcept : state_(std::move(state)) {}
    Slot(Slot&& other) noexcept = default;
    /// Gives back first the room that this one keeps.
    Slot& operator=(Slot&& other) noexcept {
        if (this != &other) {
            drop();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~Slot() { drop(); }

    /// True while it keeps room: not once sent into, or moved from.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    /// Once. Throws: `BrokenResource` when no receiver is left, with the item untouched;
    ///                `InvalidState` the second time.
    void send(T&& item) {
        if (!state_) {
            throw InvalidState("Slot::send: this slot has been sent into, or moved from");
        }
        state_->check("Slot::send");
        if (!state_->has_receivers()) {
            detail::ChannelCore::throw_broken("Slot::send");
        }
        state_->send_reserved(std::move(item));
        state_ = {};
    }
    void send(const T& item)
        requires std::copy_constructible<T>
    {
        send(T(item));
    }

private:
    void drop() noexcept {
        if (state_) {
            state_->require_here();
            std::exchange(state_, {})->release_slot();
        }
    }

    detail::LocalRef<State> state_;  // null when there is no slot any more
};

namespace detail {

/// The wait for a slot.
template <class T, class Store>
class ChannelState<T, Store>::Reserve : public ExchangeWait {
public:
    explicit Reserve(LocalRef<ChannelState> state, ChannelCore::Handle handle) noexcept
        : shared_(std::move(state)) {
        through_ = handle;
    }

    [[nodiscard]] bool try_now() {
        end_ = End::done;
        shared_->check_reserve(through_, what());
        return shared_->try_reserve();
    }
    void start() { shared_->givers_.push_back(*this); }
    [[nodiscard]] const char* what() const noexcept override { return "Sender::reserve"; }

protected:
    /// The state, with a slot.
    [[nodiscard]] LocalRef<ChannelState> take_slot() const {
        if (end_ != End::done) [[unlikely]] {
            ChannelCore::throw_unsent(end_, what());
        }
        return shared_;
    }

private:
    void pass_on() noexcept override {
        if (end_ == End::done) {
            shared_->release_slot();
        }
    }

    LocalRef<ChannelState> shared_;
};

}  // namespace detail

template <class T>
class Sender<T>::Reserve final : public State::Reserve {
public:
    using State::Reserve::Reserve;
    [[nodiscard]] Slot take() const { return Slot(this->take_slot()); }
};

template <class T>
std::optional<typename Sender<T>::Slot> Sender<T>::try_reserve() const {
    const auto& shared = handle_.state("Sender::try_reserve");
    shared->check_reserve(handle_.id(), "Sender::try_reserve");
    if (!shared->try_reserve()) {
        return std::nullopt;
    }
    return std::optional<Slot>(std::in_place, shared);
}

}  // namespace eddy::inline v0_1
