// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include <eddy/detail/exchange.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE OneshotStatistics {
    bool available = false;  ///< the value is there to be received
    bool wanted = false;     ///< the receiver would take one
    bool sender = false;     ///< there is one that has not sent
    std::size_t waiters = 0;
};

namespace detail {

[[noreturn]] EDDY_API void throw_oneshot_used(const char* what);

/// The one item, without memory of its own.
template <class T>
class SingleStore final {
public:
    using Entry = T;

    SingleStore() noexcept = default;
    explicit SingleStore(std::size_t) noexcept {}
    SingleStore(SingleStore&& other) noexcept : item_(std::move(other.item_)) {
        other.item_.reset();
    }
    SingleStore& operator=(SingleStore&&) = delete;
    ~SingleStore() = default;

    [[nodiscard]] std::size_t size() const noexcept { return item_ ? 1 : 0; }
    [[nodiscard]] static std::size_t room() noexcept { return 1; }
    static void set_room(std::size_t) noexcept {}

    [[nodiscard]] static T make(T&& item) noexcept { return std::move(item); }
    [[nodiscard]] static T take_from(T&& entry) noexcept { return std::move(entry); }
    void push(T&& item) noexcept { item_.emplace(std::move(item)); }
    [[nodiscard]] T pop() noexcept {
        T item = std::move(*item_);
        item_.reset();
        return item;
    }
    void restore(T&& entry) noexcept { push(std::move(entry)); }

private:
    std::optional<T> item_;
};

/// An exchange that one item ever comes into.
class EDDY_API OneshotCore : public ExchangeCore, public LocalShared {
public:
    /// Throws: `WrongThread`.
    void check(const char* what) const { bound_.check(what); }
    void require_here() const noexcept;

    [[nodiscard]] bool wanted() const noexcept { return receiver_ && !refused_; }
    /// Nothing can come any more.
    [[nodiscard]] bool over() const noexcept { return !sender_ || refused_; }

    void drop_sender() noexcept;
    /// The receiver takes nothing more but what has been sent.
    void refuse() noexcept;

    /// How a wait ends that begins when it is over.
    [[nodiscard]] ExchangeWait::End how_over() const noexcept {
        return refused_ ? End::closed : End::drained;
    }
    /// Why there is no value for a wait that ended in this way.
    [[noreturn]] void throw_over(ExchangeWait::End end, const char* what) const;

protected:
    explicit OneshotCore(std::size_t capacity) noexcept : ExchangeCore(capacity) {}
    ~OneshotCore() override = default;

    // For Exchange.
    [[nodiscard]] static std::size_t reserved() noexcept { return 0; }
    [[nodiscard]] bool discards() const noexcept { return !receiver_; }
    void accepted() noexcept { sent_ = true; }
    static void discarded(std::size_t) noexcept {}
    static void grant_slot() noexcept {}

    // Invariant: takers wait only while there is a sender and nothing was refused.
    bool sender_ = true;  // there is one that has not sent
    bool receiver_ = true;
    bool refused_ = false;
    bool sent_ = false;
};

template <class T>
class OneshotState final : public Exchange<T, SingleStore<T>, OneshotCore> {
    using Base = Exchange<T, SingleStore<T>, OneshotCore>;

public:
    OneshotState() noexcept : Base(1) {}

    void send(T&& value) noexcept {
        this->accept(std::move(value));
        this->drop_sender();
    }
    [[nodiscard]] std::optional<T> try_receive() noexcept {
        std::optional<T> value;
        static_cast<void>(this->try_take(value));
        return value;
    }
    void drop_receiver() noexcept {
        this->refuse();
        this->receiver_ = false;
        static_cast<void>(this->take_all());
    }
    [[nodiscard]] OneshotStatistics statistics() const {
        return {.available = this->stored() != 0,
                .wanted = this->wanted(),
                .sender = this->sender_,
                .waiters = this->takers_.size()};
    }
};

}  // namespace detail
}  // namespace eddy::inline v0_1
