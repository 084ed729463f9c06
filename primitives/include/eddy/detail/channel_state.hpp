// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/channel_core.hpp>
#include <eddy/detail/item_store.hpp>
#include <eddy/detail/local_ref.hpp>

namespace eddy::inline v0_1::detail {

/// The state that all handles of a channel share.
template <class T, class Store = FifoStore<T>>
class ChannelState final : public Exchange<T, Store, ChannelCore> {
    using Base = Exchange<T, Store, ChannelCore>;

public:
    class Send;
    class Reserve;
    template <class R>
    class Receive;

    explicit ChannelState(std::size_t capacity) : Base(capacity) {}

    [[nodiscard]] bool try_send(T& item) { return this->try_give(item); }
    [[nodiscard]] std::optional<T> try_receive() {
        std::optional<typename Base::Entry> entry;
        const bool taken = this->try_take(entry);
        this->trim();
        return taken ? std::optional<T>(std::move(entry)) : std::nullopt;
    }
    void close_receiver(ChannelCore::Handle handle) noexcept {
        if (ChannelCore::close_receiver(handle)) {
            static_cast<void>(this->take_all());
        }
    }

    /// False: it would have to wait.
    [[nodiscard]] bool try_reserve() {
        if (!this->has_room()) {
            return false;
        }
        this->make_room();
        this->grant_slot();
        return true;
    }
    /// Requires: a slot, which is used up. May throw, and then has done nothing.
    void send_reserved(T&& item) {
        if (!this->givers_.empty()) {
            this->make_room();  // for one that waits, should a receiver take this one
        }
        this->drop_slot();
        this->accept(std::move(item));
        settle_slots();
    }
    void release_slot() noexcept {
        this->drop_slot();
        settle_slots();
    }
    [[nodiscard]] ChannelStatistics statistics() const {
        return this->statistics_of(this->stored());
    }

private:
    void settle_slots() noexcept {
        this->fill();
        this->end_if_nothing_can_come();
        this->trim();
    }
};

enum class ChannelEnd : bool { sending, receiving };

/// One handle on one end: copies open another one, of a closed one a closed one.
template <class T, ChannelEnd end>
class ChannelHandle final {
    using State = ChannelState<T>;

public:
    explicit ChannelHandle(const LocalRef<State>& state) : state_(state) { open(); }
    ChannelHandle(const ChannelHandle& other) : state_(other.state("copy of a channel's handle")) {
        if (other.id_ != 0) {
            open();
        }
    }
    ChannelHandle(ChannelHandle&& other) noexcept
        : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}
    ChannelHandle& operator=(ChannelHandle other) noexcept {
        std::swap(state_, other.state_);
        std::swap(id_, other.id_);
        return *this;
    }
    ~ChannelHandle() {
        if (state_) {
            state_->require_here();  // a closed one too: it counts as a reference
            if (id_ != 0) {
                close_now();
            }
        }
    }

    [[nodiscard]] ChannelCore::Handle id() const noexcept { return id_; }

    /// Throws: `WrongThread`, `InvalidState` if it was moved from.
    [[nodiscard]] const LocalRef<State>& state(const char* what) const {
        if (!state_) [[unlikely]] {
            throw_moved_from(what);
        }
        state_->check(what);
        return state_;
    }
    void close(const char* what) {
        static_cast<void>(state(what));
        if (id_ != 0) {
            close_now();
        }
    }

private:
    void open() {
        id_ = end == ChannelEnd::sending ? state_->open_sender() : state_->open_receiver();
    }
    void close_now() noexcept {
        const auto id = std::exchange(id_, 0);
        if constexpr (end == ChannelEnd::sending) {
            state_->close_sender(id);
        } else {
            state_->close_receiver(id);
        }
    }

    LocalRef<State> state_;  // null when moved from
    ChannelCore::Handle id_ = 0;
};

/// The wait of a send. Keeps the channel alive until it is over.
template <class T, class Store>
class ChannelState<T, Store>::Send : public Base::Give {
public:
    explicit Send(LocalRef<ChannelState> state, ChannelCore::Handle handle, T& item) noexcept
        : Base::Give(*state, item), shared_(std::move(state)) {
        this->through_ = handle;
    }

    [[nodiscard]] bool try_now() {
        shared_->check_sender(this->through_, what());
        return this->try_give();
    }
    void take() const {
        if (this->end_ != ExchangeWait::End::done) [[unlikely]] {
            ChannelCore::throw_unsent(this->end_, what());
        }
    }
    [[nodiscard]] const char* what() const noexcept override { return "Sender::send"; }

private:
    LocalRef<ChannelState> shared_;
};

/// R is T, or optional<T>, which is empty at the end.
template <class T, class Store>
template <class R>
class ChannelState<T, Store>::Receive final : public Base::Take {
    static constexpr bool throws_at_end = std::is_same_v<R, T>;

public:
    explicit Receive(LocalRef<ChannelState> state, ChannelCore::Handle handle) noexcept
        : Base::Take(*state), shared_(std::move(state)) {
        this->through_ = handle;
    }

    [[nodiscard]] bool try_now() {
        shared_->check_receiver(this->through_, what());
        return this->try_take() || shared_->ended();
    }
    [[nodiscard]] R take() {
        if (this->entry_) [[likely]] {
            return this->take_item();
        }
        if (this->end_ == ExchangeWait::End::closed) {
            ChannelCore::throw_closed(what());
        }
        if constexpr (throws_at_end) {
            ChannelCore::throw_ended(what());
        } else {
            return std::nullopt;
        }
    }
    [[nodiscard]] const char* what() const noexcept override {
        return throws_at_end ? "Receiver::receive" : "Receiver::next";
    }

private:
    LocalRef<ChannelState> shared_;
};

}  // namespace eddy::inline v0_1::detail
