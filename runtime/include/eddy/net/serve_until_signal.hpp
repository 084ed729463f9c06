// SPDX-License-Identifier: MIT
#pragma once

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

EDDY_API Task<> drain_on_signals(Server& server, SignalSet& signals, Duration unwind);

/// The serving itself, so that what it throws comes out raw and not in a group.
template <class L, class H, class... Args>
Task<> host_serve_until_signal(Server& server, L listener, H handler, Args... args) {
    const std::source_location place = co_await caller_place();
    SignalsTaken taken;
    std::exception_ptr failure;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(drain_on_signals(server, taken.signals(), server.unwind()), {.where = place});
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

template <class L, class H, class... Args>
Task<> host_serve_alone_until_signal(KeptServeOptions options,
                                     L listener,
                                     H handler,
                                     Args... args) {
    Server server(options.get());
    co_await host_serve_until_signal<std::remove_reference_t<L>&, H, Args...>(
        server, listener, std::move(handler), std::move(args)...);
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
/// The second one also leaves the loop's grace (`RunOptions::grace`) no longer than
/// `ServeOptions::unwind`, so that the program ends then, whatever a handler that was left alone
/// waits for. Signals after the second change nothing. Once it has returned, SIGINT and SIGTERM are
/// the loop's again (`RunOptions::handle_signals`); but a number that has come already does what it
/// does by default. Several may serve at a time.
///
/// Everything else is as for `serve`.
///
/// Throws: as `serve`, and as the constructor of `SignalSet`.
template <class L, class H, class... Args>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve_until_signal(Server& server, L&& listener, H&& handler, Args&&... args) {
    if constexpr (detail::check_handler<L, H, Args...>()) {
        return detail::host_serve_until_signal<L, std::decay_t<H>, std::decay_t<Args>...>(
            server,
            std::forward<L>(listener),
            std::forward<H>(handler),
            std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

/// The same with a server of its own:
///
///     co_await serve_until_signal({.drain = 10s}, listener, handle, std::ref(room));
template <class L, class H, class... Args>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve_until_signal(const ServeOptions& options,
                                        L&& listener,
                                        H&& handler,
                                        Args&&... args) {
    if constexpr (detail::check_handler<L, H, Args...>()) {
        return detail::host_serve_alone_until_signal<L, std::decay_t<H>, std::decay_t<Args>...>(
            detail::KeptServeOptions(options),
            std::forward<L>(listener),
            std::forward<H>(handler),
            std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}
template <class L, class H>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve_until_signal(L&& listener,
                                        H&& handler,
                                        const ServeOptions& options = {}) {
    return serve_until_signal(options, std::forward<L>(listener), std::forward<H>(handler));
}
template <class L, class H, class First, class... Args>
    requires Listener<std::remove_reference_t<L>> && detail::NotServeOptions<First, Args...>
[[nodiscard]] Task<> serve_until_signal(L&& listener, H&& handler, First&& first, Args&&... args) {
    return serve_until_signal(ServeOptions(),
                              std::forward<L>(listener),
                              std::forward<H>(handler),
                              std::forward<First>(first),
                              std::forward<Args>(args)...);
}

/// This does not compile, and says why.
template <class First, class... Args>
    requires detail::BeginsNoServe<First>
[[nodiscard]] Task<> serve_until_signal(First&&, Args&&...) {
    static_assert(detail::always_false<First>,
                  "serve_until_signal begins with a listener, with options, or with a Server that "
                  "has a name: "
                  "serve_until_signal(listener, handler, args...), serve_until_signal(options, "
                  "listener, handler, args...), "
                  "serve_until_signal(server, listener, handler, args...)");
    return detail::refused();
}

}  // namespace eddy::inline v0_1
