// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/brought_item.hpp>
#include <eddy/remote_channel.hpp>

namespace eddy::inline v0_1 {

template <class T>
class RemoteSender<T>::Send final : public detail::RemoteWait {
    using State = detail::RemoteState;

public:
    explicit Send(std::shared_ptr<detail::RemoteStateOf<T>> state, T item)
        : RemoteWait(std::move(state), State::sending), brought_(std::in_place, std::move(item)) {}

    [[nodiscard]] bool try_now() {
        brought_.require(what());
        return RemoteWait::try_now();
    }
    void take() {
        if (why_ != State::Closed::no) {
            State::throw_closed(why_, State::sending);
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return "RemoteSender::send"; }

private:
    void serve() noexcept override {
        why_ = state_->closed();
        if (why_ == State::Closed::no) {
            static_cast<detail::RemoteStateOf<T>&>(*state_).push(std::move(brought_.item));
            brought_.given();
        }
    }

    detail::BroughtItem<T> brought_;
    State::Closed why_ = State::Closed::no;  // when it was this wait's turn
};

/// R is T, or optional<T>, which is empty at the end of the stream.
template <class T>
template <class R>
class RemoteReceiver<T>::Receive final : public detail::RemoteWait {
    using State = detail::RemoteState;

public:
    explicit Receive(std::shared_ptr<detail::RemoteStateOf<T>> state) noexcept
        : RemoteWait(std::move(state), State::receiving) {}

    R take() {
        auto lock = state_->lock();
        if (!reserved_) {
            if constexpr (std::is_same_v<R, T>) {
                State::throw_drained();
            } else {
                return std::nullopt;
            }
        }
        reserved_ = false;
        state_->unreserve();
        R item(static_cast<detail::RemoteStateOf<T>&>(*state_).pop());
        state_->wake(State::sending, lock);
        return item;
    }
    [[nodiscard]] const char* what() const noexcept override { return "RemoteReceiver::receive"; }

private:
    void serve() noexcept override {
        reserved_ = state_->has_item();
        if (reserved_) {
            state_->reserve();
        }
    }
    void pass_on() noexcept override {
        if (reserved_) {
            reserved_ = false;
            auto lock = state_->lock();
            state_->unreserve();
            state_->wake(State::receiving, lock);
        }
    }

    bool reserved_ = false;  // an item is ours; otherwise the stream has ended
};

}  // namespace eddy::inline v0_1
