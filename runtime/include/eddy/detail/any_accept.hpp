// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/any_box.hpp>
#include <eddy/detail/any_operation.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/select.hpp>

/// The inside of an `AnyListener`.

namespace eddy::inline v0_1::detail {

/// Memory for the box of a stream that has not come yet.
template <class S>
class EDDY_VISIBLE StreamRoom final {
public:
    StreamRoom() noexcept = default;
    StreamRoom(const StreamRoom&) = delete;
    StreamRoom& operator=(const StreamRoom&) = delete;
    ~StreamRoom() {
        if (memory_ != nullptr) {
            AnyStreamBox::operator delete(memory_, sizeof(AnyStreamBoxOf<S>));
        }
    }

    /// Throws: `std::bad_alloc`.
    void reserve() {
        if (memory_ == nullptr) {
            memory_ = AnyStreamBox::operator new(sizeof(AnyStreamBoxOf<S>));
        }
        if constexpr (AnyStreamBoxOf<S>::peeks) {
            if (peeked_ == nullptr) {
                peeked_ = AnyStreamBoxOf<S>::make_peeked();
            }
        }
    }
    [[nodiscard]] std::unique_ptr<AnyStreamBox> fill(S&& stream) {
        auto* const box = ::new (memory_) AnyStreamBoxOf<S>(std::move(stream), std::move(peeked_));
        memory_ = nullptr;
        return std::unique_ptr<AnyStreamBox>(box);
    }

private:
    void* memory_ = nullptr;
    [[no_unique_address]] typename AnyStreamBoxOf<S>::PeekedPointer peeked_{};
};

/// An accept that gives any stream. The room for it is there before it comes: who has no memory for
/// a connection has accepted none.
template <class Op>
class EDDY_VISIBLE BoxedAccept final : public OuterWait {
    using S = decltype(std::declval<Op&>().take());

public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;
    static constexpr bool take_calls_out = detail::take_calls_out<Op>;

    template <class L>
    explicit BoxedAccept(std::in_place_t, L& listener) : op_(listener.accept()) {}

    [[nodiscard]] bool try_now() {
        room_.reserve();
        if (!op_.try_now()) {
            return false;
        }
        holds(op_);
        return true;
    }
    void start() { start_inner(op_); }
    [[nodiscard]] AnyStream take() {
        left();
        S stream = op_.take();
        return AnyStream(room_.fill(std::move(stream)));
    }
    [[nodiscard]] const char* what() const noexcept override { return op_.what(); }

private:
    Op op_;
    StreamRoom<S> room_;
};

class AnyListenerBox;

class EDDY_VISIBLE AnyAccept : public AnyOperation<AnyStream, 136> {
public:
    explicit AnyAccept(AnyListenerBox& box);
};

class EDDY_API AnyListenerBox {
public:
    AnyListenerBox() noexcept = default;
    AnyListenerBox(const AnyListenerBox&) = delete;
    AnyListenerBox& operator=(const AnyListenerBox&) = delete;
    virtual ~AnyListenerBox() = default;

    /// The listener, if that is its type.
    [[nodiscard]] virtual void* find(const void* type) noexcept = 0;
    virtual void accept(AnyAccept& op) = 0;
    virtual void close() = 0;
    [[nodiscard]] virtual std::optional<Address> local_address() const = 0;
};

inline AnyAccept::AnyAccept(AnyListenerBox& box) { box.accept(*this); }

/// `L`: the listener, or a reference to one.
template <class L>
class EDDY_VISIBLE AnyListenerBoxOf final : public AnyListenerBox {
    using Plain = std::remove_reference_t<L>;

public:
    explicit AnyListenerBoxOf(L&& listener) : listener_(std::forward<L>(listener)) {}

private:
    [[nodiscard]] void* find(const void* type) noexcept override {
        return type == AnyTag<Plain>::of() ? std::addressof(listener_) : nullptr;
    }
    void accept(AnyAccept& op) override {
        if constexpr (std::same_as<accepted_t<Plain>, AnyStream>) {
            op.emplace([&] { return listener_.accept(); });
        } else {
            using Op = decltype(listener_.accept());
            op.emplace([&] { return BoxedAccept<Op>(std::in_place, listener_); });
        }
    }
    void close() override { listener_.close(); }
    [[nodiscard]] std::optional<Address> local_address() const override {
        if constexpr (requires(const Plain& listener) {
                          { listener.local_address() } -> std::convertible_to<Address>;
                      }) {
            return listener_.local_address();
        } else {
            return std::nullopt;
        }
    }

    L listener_;
};

}  // namespace eddy::inline v0_1::detail
