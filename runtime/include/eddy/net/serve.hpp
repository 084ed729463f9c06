// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/serve_run.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

/// Accepts connections and runs `handler(stream, args...)` for each, in a job of its own, until the
/// server drains or the listener is closed; then waits for the handlers, and returns.
///
///     Task<> handle(TcpStream stream, Room& room) { ... }
///
///     Server server({.max_connections = 1000});
///     group.spawn(serve(server, TcpListener::listen(address), handle, std::ref(room)));
///
/// A handler that fails harms nobody else: its connection is closed, and what it threw goes to the
/// loop's observer (the default one logs it; that a peer went away, `Observer::connection_lost`,
/// for those who debug only). To answer a failure in another way, catch it in the handler.
///
/// A peer that says nothing and takes nothing does not hold its place for ever: after two minutes
/// of that its handler's reads and writes fail with `IoError` (`std::errc::timed_out`). How long,
/// and what counts, says `ServeOptions::silence`. Against those who send a byte now and then,
/// handlers have deadlines of their own (`TimedStream`, `fail_after`).
///
/// At the connection limit nobody is accepted: newcomers wait in the system's queue, unless they
/// are to be told (`ServeOptions::refusal`). When accept fails for want of descriptors, memory or
/// leave, it pauses (see `ServeOptions`) and reports that once; connections that are gone before
/// they are accepted are passed over.
///
/// A drain ends: handlers that go on when its time is over are cancelled, and those that have not
/// ended `ServeOptions::unwind` later are reported (`Observer::job_left`), counted, and left alone:
/// `serve` returns without them. They belong to the loop from then on, stay cancelled, and end when
/// what they wait for does, or with the grace of the loop (runtime/NETWORK.md, "How a server
/// ends").
///
/// Throws:       what `accept` throws otherwise, after the handlers were cancelled.
/// Cancellation: the handlers are cancelled at once and waited for, however long that takes. To let
///               them finish, `drain`.
/// Lifetime:     the server outlives the await, and so does a listener that is not moved in: one
///               that is local to a group's body ends before the group's jobs. It is closed as soon
///               as nothing is accepted any more, whatever the reason. `handler` and `args` are
///               kept until the last handler has ended; `args` are passed as lvalues, to every call
///               anew. What they *refer* to outlives every handler, also one that is left alone:
///               put it before `run`, or hold it by `shared_ptr`.
/// Cost:         a job per connection; nothing is allocated for it when the thread's pools are
///               warm.
template <class L, class H, class... Args>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve(Server& server, L&& listener, H&& handler, Args&&... args) {
    if constexpr (detail::check_handler<L, H, Args...>()) {
        return detail::host_serve<L, std::decay_t<H>, std::decay_t<Args>...>(
            server,
            std::forward<L>(listener),
            std::forward<H>(handler),
            std::forward<Args>(args)...);
    } else {
        return detail::refused();
    }
}

/// The same with a server of its own: until it is cancelled, or the listener is closed.
///
///     co_await serve(listener, handle, std::ref(room));
///     co_await serve({.max_connections = 100}, listener, handle, std::ref(room));
template <class L, class H, class... Args>
    requires Listener<std::remove_reference_t<L>>
[[nodiscard]] Task<> serve(const ServeOptions& options, L&& listener, H&& handler, Args&&... args) {
    if constexpr (detail::check_handler<L, H, Args...>()) {
        return detail::host_serve_alone<L, std::decay_t<H>, std::decay_t<Args>...>(
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
[[nodiscard]] Task<> serve(L&& listener, H&& handler, const ServeOptions& options = {}) {
    return serve(options, std::forward<L>(listener), std::forward<H>(handler));
}
template <class L, class H, class First, class... Args>
    requires Listener<std::remove_reference_t<L>> && detail::NotServeOptions<First, Args...>
[[nodiscard]] Task<> serve(L&& listener, H&& handler, First&& first, Args&&... args) {
    return serve(ServeOptions(),
                 std::forward<L>(listener),
                 std::forward<H>(handler),
                 std::forward<First>(first),
                 std::forward<Args>(args)...);
}

/// This does not compile, and says why.
template <class First, class... Args>
    requires detail::BeginsNoServe<First>
[[nodiscard]] Task<> serve(First&&, Args&&...) {
    static_assert(detail::always_false<First>,
                  "serve begins with a listener, with options, or with a Server that has a name: "
                  "serve(listener, handler, args...), serve(options, listener, handler, args...), "
                  "serve(server, listener, handler, args...)");
    return detail::refused();
}

}  // namespace eddy::inline v0_1

#include <eddy/net/serve_until_signal.hpp>
