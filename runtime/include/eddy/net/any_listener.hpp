// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/any_accept.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

/// Any listener behind one type: `accept` gives an `AnyStream`. What a server that is compiled once
/// takes, for TCP, Unix sockets, TLS and tests.
///
///     AnyListener listener = TcpListener::listen(Address::loopback(0));
///     co_await serve(listener, handle);        // Task<> handle(AnyStream stream)
///
/// Throws:       what the listener throws; `InvalidState` after it was moved from.
/// Cancellation: no connection was taken. Nor was one when there is no memory for its `AnyStream`.
/// Lifetime:     owns the listener; `AnyListener(std::ref(listener))` refers to one that outlives
///               it, and closes it only when it is told to.
/// Cost:         an allocation; each connection then a block of the frame pool.
class EDDY_API AnyListener final {
public:
    template <class L>
        requires(!std::same_as<std::remove_cvref_t<L>, AnyListener> && !std::is_reference_v<L> &&
                 Listener<L>)
    // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload)
    AnyListener(L&& listener) : box_(box_of<L>(std::forward<L>(listener))) {}
    template <Listener L>
    explicit AnyListener(std::reference_wrapper<L> listener) : box_(box_of<L&>(listener.get())) {}
    AnyListener(AnyListener&&) noexcept = default;
    AnyListener& operator=(AnyListener&&) noexcept = default;
    ~AnyListener() = default;

    /// False once it was moved from.
    explicit operator bool() const noexcept { return box_ != nullptr; }

    /// The listener inside if it is an `L`, else null.
    template <class L>
    [[nodiscard]] L* get_if() noexcept {
        return box_ != nullptr ? static_cast<L*>(box_->find(detail::AnyTag<L>::of())) : nullptr;
    }

    /// If it listens on an `Address`.
    [[nodiscard]] std::optional<Address> local_address() const { return box().local_address(); }

    [[nodiscard]] detail::AnyAccept accept() { return detail::AnyAccept(box()); }
    void close() { box().close(); }

private:
    template <class L>
    static std::unique_ptr<detail::AnyListenerBox> box_of(L&& listener) {
        static_assert(std::is_reference_v<L> || std::move_constructible<L>,
                      "this listener cannot be moved into an AnyListener: give it std::ref(it)");
        using Accept = decltype(listener.accept());
        static_assert(detail::WaitOperation<Accept>,
                      "what a listener in an AnyListener accepts with is an operation, not a task: "
                      "make it with eddy::then, out of that of the listener inside");
        if constexpr (detail::WaitOperation<Accept>) {
            return std::make_unique<detail::AnyListenerBoxOf<L>>(std::forward<L>(listener));
        } else {
            return nullptr;
        }
    }

    [[nodiscard]] detail::AnyListenerBox& box() const {
        if (box_ == nullptr) [[unlikely]] {
            throw_moved_from();
        }
        return *box_;
    }
    [[noreturn]] static void throw_moved_from();

    std::unique_ptr<detail::AnyListenerBox> box_;
};

}  // namespace eddy::inline v0_1
