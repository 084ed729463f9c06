// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/list_link.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace eddy::detail {

/// What one call of `serve` has with its server: one listener, and the connections from it.
class ServeRun final : private ListLink {
public:
    class Freed;

    explicit ServeRun(Server& server);
    ServeRun(const ServeRun&) = delete;
    ServeRun& operator=(const ServeRun&) = delete;
    ~ServeRun();

    CancelScope accepting;  // cancelled when the server drains
    CancelScope handlers;   // around all of it; gets a deadline then
    std::exception_ptr failure;

    [[nodiscard]] Server& server() const noexcept { return server_; }
    [[nodiscard]] std::string_view name() const noexcept { return server_.name_; }
    [[nodiscard]] bool full() const noexcept { return server_.active_ >= server_.limit_; }
    [[nodiscard]] bool over_full() const noexcept { return server_.active_ > server_.limit_; }
    /// Waits until a connection has ended.
    [[nodiscard]] Freed freed() noexcept;

    /// An accept failed: how long to wait before the next, zero for not at all. Nothing: the
    /// listener was closed. Throws what is not a matter of time.
    [[nodiscard]] std::optional<Duration> accept_failed(const std::exception_ptr& error);
    void accept_succeeded() noexcept;
    /// There is no memory for its job: as a failed accept.
    [[nodiscard]] Duration turned_away(const std::exception_ptr& error);

private:
    friend class eddy::Server;
    [[nodiscard]] Duration back_off(const std::exception_ptr& error);

    Server& server_;
    Duration pause_{};  // zero: the last accept was good
};

class ServeRun::Freed final : public QueuedWaiter {
public:
    explicit Freed(Server& server) noexcept : server_(server) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept { server_.freed_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "serve: connection limit"; }

private:
    Server& server_;
};

inline ServeRun::Freed ServeRun::freed() noexcept { return Freed(server_); }

/// A connection counts as active from its accept until its stream is gone.
class ServedConnection final {
public:
    explicit ServedConnection(Server& server) noexcept;
    ServedConnection(ServedConnection&& other) noexcept
        : server_(std::exchange(other.server_, nullptr)) {}
    ServedConnection& operator=(ServedConnection&&) = delete;
    ~ServedConnection();

    /// The handler has ended. Throws a rightful `Cancelled` on; every other failure goes to the
    /// observer and no further.
    void handled(const std::exception_ptr& error);

private:
    Server* server_;
    bool handled_ = false;
};

template <class S, class H, class... Args>
Task<> call_handler(H& handler, S& stream, Args&... args) {
    static_assert(std::is_same_v<std::invoke_result_t<H&, S, Args&...>, Task<>>,
                  "a connection handler is called as handler(stream, args...) and returns Task<>");
    try {
        return std::invoke(handler, std::move(stream), args...);
    } catch (...) {
        return failed_task<void>(std::current_exception());
    }
}

/// The job of one connection. Its stream dies before its place is given back: parameters go in
/// reverse order.
template <class S, class H, class... Args>
Task<> serve_one(ServedConnection connection, S stream, H& handler, std::tuple<Args...>& args) {
    const auto outcome = co_await outcome_of(
        std::apply([&](Args&... each) { return call_handler(handler, stream, each...); }, args));
    connection.handled(outcome.error());
}

template <class L, class H, class Args>
Task<> accept_connections(ServeRun& run, L& listener, H& handler, Args& args, TaskGroup& group) {
    using S = accepted_t<L>;
    Duration pause{};
    while (true) {
        while (run.full()) {
            co_await run.freed();
        }
        std::optional<S> stream;
        std::exception_ptr error;
        try {
            auto accepted = co_await listener.accept();
            stream.emplace(std::move(accepted));
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            const auto next = run.accept_failed(error);
            if (!next) {
                co_return;
            }
            pause = *next;
        } else {
            run.accept_succeeded();
            ServedConnection connection(run.server());
            while (run.over_full()) {  // another listener of the server was faster
                co_await run.freed();
            }
            try {
                group.spawn(
                    serve_one<S, H>(std::move(connection), std::move(*stream), handler, args),
                    {.name = run.name()});
                continue;
            } catch (const std::bad_alloc&) {
                error = std::current_exception();
            }
            stream.reset();
            pause = run.turned_away(error);
        }
        error = nullptr;
        if (pause == Duration::zero()) {
            co_await yield();
        } else {
            co_await select(run.freed(), sleep_for(pause));
        }
    }
}

template <class L, class H, class Args>
Task<> serve_listener(ServeRun& run, L& listener, H& handler, Args& args, TaskGroup& group) {
    const auto outcome = co_await outcome_of(
        with_scope(run.accepting, accept_connections(run, listener, handler, args, group)));
    listener.close();
    if (outcome.error() && !outcome.cancelled()) {
        run.failure = outcome.error();
        group.cancel("accept failed");
    } else if (outcome.error()) {
        std::rethrow_exception(outcome.error());
    }
}

/// `L`: a reference, or the listener itself.
template <class L, class H, class... Args>
Task<> host_serve(Server& server, L listener, H handler, Args... args) {
    ServeRun run(server);
    std::tuple<Args&...> refs(args...);
    auto body = [&](TaskGroup& group) {
        return serve_listener(run, listener, handler, refs, group);
    };
    const bool in_time = co_await with_scope(run.handlers, with_task_group(body));
    static_cast<void>(in_time);  // no: those that were left have been cancelled
    if (run.failure) {
        std::rethrow_exception(run.failure);
    }
}

}  // namespace eddy::detail
