// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/os/signal_set.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// SIGINT and SIGTERM are the server's, not the loop's, while this lives.
class EDDY_API SignalsTaken final {
public:
    SignalsTaken();
    SignalsTaken(const SignalsTaken&) = delete;
    SignalsTaken& operator=(const SignalsTaken&) = delete;
    ~SignalsTaken();

    [[nodiscard]] SignalSet& signals() noexcept { return signals_; }

private:
    LoopCore& core_;
    SignalSet signals_;
};

EDDY_API Task<> drain_on_signals(Server& server, SignalSet& signals);

/// The serving itself, so that what it throws comes out raw and not in a group.
template <class L, class H, class... Args>
Task<> host_serve_until_signal(Server& server, L listener, H handler, Args... args) {
    const std::source_location place = co_await caller_place();
    SignalsTaken taken;
    std::exception_ptr failure;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(drain_on_signals(server, taken.signals()), {.where = place});
        auto serving = host_serve<std::remove_reference_t<L>&, H, Args...>(
            server, listener, std::move(handler), std::move(args)...);
        const auto outcome = co_await outcome_of(std::move(serving));
        if (outcome.cancelled()) {
            std::rethrow_exception(outcome.error());
        }
        failure = outcome.error();
        group.cancel("served");
    };
    co_await with_task_group(body);
    if (failure) {
        std::rethrow_exception(failure);
    }
}

template <class L, class H>
Task<> host_serve_alone_until_signal(L listener, H handler, ServeOptions options) {
    Server server(options);
    co_await host_serve_until_signal<std::remove_reference_t<L>&, H>(
        server, listener, std::move(handler));
}

}  // namespace detail

/// `serve` for a program that ends well when it is told to: SIGINT or SIGTERM drains the server, a
/// second one ends what is left of it at once; it returns when that is done.
///
///     Task<> handle(TcpStream stream, Room& room) { ... }
///
///     Task<> program(Room& room) {
///         Server server({.drain = 10s});
///         TcpListener listener = TcpListener::listen(address);
///         co_await serve_until_signal(server, listener, handle, std::ref(room));
///     }
///     int main() {
///         Room room;  // before the loop: see `serve`, "Lifetime"
///         return run_main(program(room));
///     }
///
/// Meanwhile `RunOptions::handle_signals` leaves both signals to it: they do not cancel the loop.
/// Signals after the second change nothing. Once it has returned, SIGINT and SIGTERM are the loop's
/// again (`RunOptions::handle_signals`); but a number that has come already does what it does by
/// default. Several may serve at a time.
///
/// Everything else is as for `serve`.
///
/// Throws: as `serve`, and as the constructor of `SignalSet`.
template <class L, class H, class... Args>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve_until_signal(Server& server, L&& listener, H&& handler, Args&&... args) {
    EDDY_CHECK_CALLABLE(H);
    return detail::host_serve_until_signal<L, std::decay_t<H>, std::decay_t<Args>...>(
        server, std::forward<L>(listener), std::forward<H>(handler), std::forward<Args>(args)...);
}

/// The same with a server of its own.
template <class L, class H>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve_until_signal(L&& listener,
                                        H&& handler,
                                        const ServeOptions& options = {}) {
    EDDY_CHECK_CALLABLE(H);
    return detail::host_serve_alone_until_signal<L, std::decay_t<H>>(
        std::forward<L>(listener), std::forward<H>(handler), options);
}

/// These do not compile, and say why.
template <class L, class H, class First, class... Args>
    requires Listener<std::remove_reference_t<L>> &&
             (sizeof...(Args) != 0 || !std::convertible_to<First, const ServeOptions&>)
[[nodiscard]] Task<> serve_until_signal(L&&, H&&, First&&, Args&&...) {
    static_assert(detail::always_false<First>,
                  "what handlers are given beside the connection comes after a Server: "
                  "serve_until_signal(server, listener, handler, args...)");
    return detail::refused();
}
template <class First, class... Args>
    requires(!Listener<std::remove_reference_t<First>> &&
             !std::same_as<std::remove_cvref_t<First>, Server>)
[[nodiscard]] Task<> serve_until_signal(First&&, Args&&...) {
    static_assert(detail::always_false<First>,
                  "serve_until_signal begins with a listener, or with a Server that has a name: "
                  "serve_until_signal(listener, handler, options), serve_until_signal(server, "
                  "listener, handler, "
                  "args...)");
    return detail::refused();
}

}  // namespace eddy::inline v0_1
