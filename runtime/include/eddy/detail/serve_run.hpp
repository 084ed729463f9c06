// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/deadline_node.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/silence_limit.hpp>
#include <eddy/net/close_gracefully.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1::detail {

/// What the connections of one `serve` refer to: a handler that has been left alone may be the last
/// one that needs it.
///
/// Counted, on the loop's thread: one reference is the run's, each connection has one.
class ServeState {
public:
    ServeState(const ServeState&) = delete;
    ServeState& operator=(const ServeState&) = delete;

    [[nodiscard]] Server* server() const noexcept { return server_; }
    [[nodiscard]] std::size_t connections() const noexcept { return references_ - 1; }
    /// The connections that are left count in no server any more.
    void let_go_of_server() noexcept { server_ = nullptr; }

    void retain() noexcept { ++references_; }
    void release() noexcept {
        if (--references_ == 0) {
            delete this;
        }
    }

protected:
    explicit ServeState(Server& server) noexcept : server_(&server) {}
    virtual ~ServeState() = default;

private:
    Server* server_;
    std::size_t references_ = 1;
};

/// The same with the handler, and what it is called with.
template <class H, class... Args>
class ServeStateOf final : public ServeState {
public:
    explicit ServeStateOf(Server& server, H&& its_handler, Args&&... its_args)
        : ServeState(server),
          handler(std::forward<H>(its_handler)),
          args(std::forward<Args>(its_args)...) {}

    H handler;
    std::tuple<Args...> args;
};

/// What one call of `serve` has with its server: one listener, and the connections from it.
class EDDY_API ServeRun final : private ListLink, private DeadlineNode {
public:
    class Freed;
    class Held;

    /// Takes over the reference a new state is born with, whatever is thrown.
    explicit ServeRun(ServeState& state);
    ServeRun(const ServeRun&) = delete;
    ServeRun& operator=(const ServeRun&) = delete;
    ~ServeRun() override;

    CancelScope accepting;  // cancelled when the server drains
    CancelScope handlers;   // around all of it; gets a deadline then
    std::exception_ptr failure;
    std::source_location place;  // where the user serves: what the connections' jobs come from

    /// Whose jobs the handlers are.
    void serve_in(TaskGroup& group) noexcept { group_ = &group; }

    [[nodiscard]] std::string_view name() const noexcept { return server_.name_; }
    [[nodiscard]] bool full() const noexcept { return server_.active_ >= server_.limit_; }
    /// Of a connection that was accepted and counted: others have the room.
    [[nodiscard]] bool over_full() const noexcept {
        return server_.active_ - server_.held_ > server_.limit_;
    }
    /// Newcomers are told so at the limit. `may_refuse`: not too many are being told now.
    [[nodiscard]] bool refuses() const noexcept { return !server_.refusal_.empty(); }
    [[nodiscard]] bool may_refuse() const noexcept {
        return refuses() && server_.refusing_ < most_refused && !server_.draining_;
    }
    /// For one that is held.
    [[nodiscard]] bool has_no_room() const noexcept {
        return server_.active_ - server_.held_ >= server_.limit_;
    }
    /// Waits until a connection has ended.
    [[nodiscard]] Freed freed() noexcept;

    /// An accept failed: how long to wait before the next, zero for not at all. Nothing: the
    /// listener was closed. Throws what is not a matter of time.
    [[nodiscard]] std::optional<Duration> accept_failed(const std::exception_ptr& error);
    void accept_succeeded() noexcept;
    /// The handlers have had all their time, and nobody is served any more.
    [[nodiscard]] bool is_over() const noexcept { return over_; }
    /// No more is accepted.
    void accepts_no_more() noexcept {
        accepts_ = false;
        if (over_) {
            leave_alone();
        }
    }
    /// Throws: `std::bad_alloc`.
    template <class S>
    void limit_silence(S& stream) {
        if constexpr (PeerWatched<S>) {
            if (silence_) {
                silence_->watch(stream.peer_watch());
            }
        }
    }
    /// There is no memory for its job: as a failed accept, which has none for the stream. It is
    /// gone, and its place has been given back.
    [[nodiscard]] Duration turned_away(const std::exception_ptr& error);
    /// The same of one that was to be refused.
    [[nodiscard]] Duration back_off(const std::exception_ptr& error);

private:
    friend class eddy::Server;
    friend class Refusal;

    struct Release {
        void operator()(ServeState* state) const noexcept { state->release(); }
        void operator()(SilenceLimit* limit) const noexcept { limit->release(); }
    };

    /// When the handlers are to be cancelled. Throws: `std::bad_alloc`, but not where they were.
    void set_timers(TimePoint end);
    /// The timers are set.
    void begin_drain(TimePoint end);
    /// The handlers have had their time; later: and that to clean up.
    void due() noexcept override;
    /// A job that accepts is first to end, which it does: it may have a connection in hand.
    void end_time() noexcept;
    void leave_alone() noexcept;
    void leave_alone(Job& job) noexcept;

    static constexpr std::size_t most_refused = 64;  // at a time

    std::unique_ptr<ServeState, Release> state_;
    Server& server_;
    LoopCore& core_;
    std::unique_ptr<SilenceLimit, Release> silence_;  // null: none
    Nursery* group_ = nullptr;
    bool unwinding_ = false;  // the drain is over,
    bool over_ = false;       // and the unwinding
    bool accepts_ = true;
    Duration pause_{};  // zero: the last accept was good
};

/// Says of a connection that is counted that nobody serves it yet: those that wait for room must
/// not take it from each other.
class ServeRun::Held final {
public:
    explicit Held(ServeRun& run) noexcept : server_(run.server_) { ++server_.held_; }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { --server_.held_; }

private:
    Server& server_;
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

/// A connection counts as active from its accept until its stream is gone, or it is left alone.
class EDDY_API ServedConnection final {
public:
    explicit ServedConnection(ServeState& state) noexcept;
    ServedConnection(ServedConnection&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)) {}
    ServedConnection& operator=(ServedConnection&&) = delete;
    ~ServedConnection();

    /// The handler has ended. Throws a rightful `Cancelled` on; every other failure goes to the
    /// observer and no further.
    void handled(const std::exception_ptr& error);

private:
    ServeState* state_;
    bool handled_ = false;
};

/// A connection that is told that there is no room, from its accept until it is closed.
class Refusal final {
public:
    explicit Refusal(ServeRun& run) noexcept : server_(&run.server_) {
        ++server_->refusing_;
        ++server_->counts_.refused;
    }
    Refusal(Refusal&& other) noexcept : server_(std::exchange(other.server_, nullptr)) {}
    Refusal& operator=(Refusal&&) = delete;
    ~Refusal() {
        if (server_ != nullptr) {
            --server_->refusing_;
            server_->freed_.wake_all();
        }
    }

    [[nodiscard]] std::string_view text() const noexcept { return server_->refusal_; }

private:
    Server* server_;  // outlives it: `serve` waits for those it refuses
};

template <class S>
Task<> say_and_close(S& stream, std::string_view text) {
    constexpr CloseOptions limits{.time = std::chrono::seconds(1), .bytes = 64UL * 1024};
    co_await stream.write_all(text);
    co_await close_gracefully(stream, limits);
}

/// The job of one that is refused. Nobody hears how that ends.
template <class S>
Task<> refuse(Refusal refusal, S stream) {
    constexpr Duration time = std::chrono::seconds(1);
    try {
        co_await move_on_after(time, say_and_close(stream, refusal.text()));
    } catch (const Cancelled&) {
        throw;
    } catch (...) {  // the peer is gone, or memory is short
    }
}

template <class S, class H, class... Args>
Task<> call_handler(H& handler, S& stream, Args&... args) {
    return std::invoke(handler, std::move(stream), args...);
}

/// The job of one connection. Its stream dies before its place is given back, and that before
/// handler and arguments can: parameters go in reverse order.
template <class S, class H, class... Args>
Task<> serve_one(ServedConnection connection, S stream, ServeStateOf<H, Args...>& state) {
    std::exception_ptr error;
    try {
        const auto outcome = co_await outcome_of(
            std::apply([&](Args&... each) { return call_handler(state.handler, stream, each...); },
                       state.args));
        error = outcome.error();
    } catch (...) {  // a plain function, or one without a frame
        error = std::current_exception();
    }
    connection.handled(error);
}

/// Returns for how long not to accept: zero if there is memory.
template <class S>
Duration begin_to_refuse(ServeRun& run, S stream, TaskGroup& refusals) {
    run.accept_succeeded();
    std::exception_ptr error;
    try {
        refusals.spawn(refuse(Refusal(run), std::move(stream)),
                       {.name = "refusal", .where = run.place});
    } catch (const std::bad_alloc&) {
        error = std::current_exception();
    }
    return error ? run.back_off(error) : Duration::zero();
}

/// Returns for how long not to accept, if there was no memory for it: both are gone then.
template <class S, class State>
std::optional<Duration> begin_to_serve(ServeRun& run,
                                       std::optional<ServedConnection>& connection,
                                       std::optional<S>& stream,
                                       State& state,
                                       TaskGroup& group) {
    std::exception_ptr error;
    try {
        run.limit_silence(*stream);
        group.spawn(serve_one(std::move(*connection), std::move(*stream), state),
                    {.name = run.name(), .where = run.place});
        return std::nullopt;
    } catch (const std::bad_alloc&) {
        error = std::current_exception();
    }
    stream.reset();
    connection.reset();
    return run.turned_away(error);
}

/// `refusals`: whose jobs refuse; null for none. After each the others go first.
template <class L, class State>
Task<> accept_connections(
    ServeRun& run, L& listener, State& state, TaskGroup& group, TaskGroup* refusals) {
    using S = accepted_t<L>;
    Duration pause{};
    while (true) {
        while (run.full() && !run.may_refuse()) {
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
        while (!error && refusals != nullptr && run.full() && !run.may_refuse()) {
            co_await run.freed();  // another listener refuses as many as may be
        }
        if (run.is_over()) {
            co_return;
        }
        if (error) {
            const auto next = run.accept_failed(error);
            if (!next) {
                co_return;
            }
            pause = *next;
        } else if (refusals != nullptr && run.full() && run.may_refuse()) {
            pause = begin_to_refuse(run, std::move(*stream), *refusals);
            stream.reset();
        } else {
            run.accept_succeeded();
            std::optional<ServedConnection> connection(std::in_place, state);
            std::optional<ServeRun::Held> held;
            if (run.over_full()) {  // another listener of the server was faster
                held.emplace(run);
            }
            while (held && run.has_no_room()) {
                co_await run.freed();
            }
            held.reset();
            if (run.is_over()) {
                co_return;
            }
            const auto turned_away = begin_to_serve(run, connection, stream, state, group);
            if (!turned_away) {
                continue;
            }
            pause = *turned_away;
        }
        error = nullptr;
        try {
            if (pause != Duration::zero()) {
                co_await select(run.freed(), sleep_for(pause));
                continue;
            }
        } catch (const std::bad_alloc&) {  // none for the pause: it is short
        }
        co_await yield();
    }
}

template <class L, class State>
Task<> serve_listener(
    ServeRun& run, L& listener, State& state, TaskGroup& group, TaskGroup* refusals) {
    const auto outcome = co_await outcome_of(
        with_scope(run.accepting, accept_connections(run, listener, state, group, refusals)));
    listener.close();
    run.accepts_no_more();
    if (outcome.error() && !outcome.cancelled()) {
        run.failure = outcome.error();
        group.cancel("accept failed");
    } else if (outcome.error()) {
        std::rethrow_exception(outcome.error());
    }
}

/// Those who are refused are not of the group whose jobs a drain leaves alone.
template <class L, class State>
Task<> serve_and_refuse(ServeRun& run, L& listener, State& state, TaskGroup& group) {
    run.serve_in(group);
    if (!run.refuses()) {
        co_await serve_listener(run, listener, state, group, nullptr);
        co_return;
    }
    auto body = [&](TaskGroup& refusals) {
        return serve_listener(run, listener, state, group, &refusals);
    };
    co_await with_task_group(body);
}

/// `L`: a reference, or the listener itself.
template <class L, class H, class... Args>
Task<> host_serve(Server& server, L listener, H handler, Args... args) {
    auto& state = *new ServeStateOf<H, Args...>(server, std::move(handler), std::move(args)...);
    ServeRun run(state);
    run.place = co_await caller_place();
    auto body = [&](TaskGroup& group) { return serve_and_refuse(run, listener, state, group); };
    const bool in_time = co_await with_scope(run.handlers, with_task_group(body));
    static_cast<void>(in_time);  // no: those that were left have been cancelled
    if (run.failure) {
        std::rethrow_exception(run.failure);
    }
}

/// With a server of its own.
template <class L, class H, class... Args>
Task<> host_serve_alone(KeptServeOptions options, L listener, H handler, Args... args) {
    Server server(options.get());
    co_await host_serve<std::remove_reference_t<L>&, H, Args...>(
        server, listener, std::move(handler), std::move(args)...);
}

template <class... Args>
inline constexpr bool ends_with_serve_options = false;
template <class A>
inline constexpr bool ends_with_serve_options<A> =
    std::same_as<std::remove_cvref_t<A>, ServeOptions>;
template <class A, class B, class... Args>
inline constexpr bool ends_with_serve_options<A, B, Args...> = ends_with_serve_options<B, Args...>;

/// What comes after a handler, and is not the options alone.
template <class First, class... Args>
concept NotServeOptions = sizeof...(Args) != 0 || !std::convertible_to<First, const ServeOptions&>;

/// What no call of `serve` begins with.
template <class First>
concept BeginsNoServe =
    !Listener<std::remove_reference_t<First>> && !std::convertible_to<First, const ServeOptions&> &&
    (!std::same_as<std::remove_cvref_t<First>, Server> || !std::convertible_to<First, Server&>);

/// A handler for the streams of a listener, as of forwarding references: in one line, what is wrong
/// with it.
template <class L, class H, class... Args>
consteval bool check_handler() {
    using S = accepted_t<std::remove_reference_t<L>>;
    using Kept = std::decay_t<H>&;
    if constexpr (!check_callable_kind<H>()) {
    } else if constexpr (!std::is_invocable_v<Kept, S, std::decay_t<Args>&...>) {
        static_assert(!ends_with_serve_options<H, Args...>,
                      "options come first where handlers are given more than the connection: "
                      "serve(options, listener, handler, args...)");
        static_assert(ends_with_serve_options<H, Args...>,
                      "the handler cannot be called as handler(stream, args...): it takes the "
                      "listener's stream by value, then the arguments that come after it, which "
                      "are kept as copies: pass std::ref(x) for a reference");
    } else if constexpr (!std::same_as<std::invoke_result_t<Kept, S, std::decay_t<Args>&...>,
                                       Task<>>) {
        static_assert(always_false<H>, "a connection handler returns eddy::Task<>");
    } else {
        EDDY_CHECK_CALLABLE(H);
        return safe_in_await<H>;
    }
    return false;
}

}  // namespace eddy::inline v0_1::detail
