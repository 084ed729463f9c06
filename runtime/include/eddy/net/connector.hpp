// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/await_result.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/any_stream.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/own.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

namespace detail {

class EDDY_API ConnectorCall {
public:
    ConnectorCall(const ConnectorCall&) = delete;
    ConnectorCall& operator=(const ConnectorCall&) = delete;
    virtual ~ConnectorCall() = default;

    /// `self`: this, which the task keeps.
    [[nodiscard]] virtual Task<AnyStream> connect(std::shared_ptr<ConnectorCall> self) = 0;

protected:
    ConnectorCall() noexcept = default;
};

/// `Made`: what the callable returns. A task, an operation, or the stream itself.
template <class Made>
concept MakesStream = Stream<Made> || (Awaitable<Made> && Stream<await_result_t<Made>>);

template <class F, class... Args>
class EDDY_VISIBLE ConnectorCallOf final : public ConnectorCall {
public:
    template <class... Given>
    explicit ConnectorCallOf(std::in_place_t, Given&&... given)
        : call_(std::forward<Given>(given)...) {}

    [[nodiscard]] Task<AnyStream> connect(std::shared_ptr<ConnectorCall> self) override {
        const std::shared_ptr<ConnectorCall> kept = std::move(self);
        if constexpr (Stream<decltype(call())>) {
            co_return AnyStream(call());
        } else {
            auto stream = co_await call();
            co_return AnyStream(std::move(stream));
        }
    }

private:
    decltype(auto) call() {
        return std::apply([](F& fn, Args&... args) { return std::invoke(fn, args...); }, call_);
    }

    std::tuple<F, Args...> call_;
};

}  // namespace detail

/// How a client gets its connections: a callable, without arguments, that gives an `AnyStream` each
/// time it is called. A client of HTTP or Redis keeps one and calls it when it needs a connection;
/// one for TLS has another one inside.
///
///     Client(Connector connector);
///     ...
///     AnyStream stream = co_await fail_after(5s, connector_());
///
///     Client over_tcp(tcp_connector("example.com", 80));
///     Client in_a_test(Connector([&listener] { return listener.connect(); }));
///
/// Made from any callable, with its arguments behind it, that returns a stream, or a task or an
/// operation that gives one. They are kept as copies, and passed as lvalues, to each call anew; the
/// copies of a connector share them.
///
/// Throws:       what the callable throws; `InvalidState` after it was moved from.
/// Cancellation: goes through to the callable.
/// Lifetime:     a call that is awaited keeps what it needs, also when the connector is gone.
/// Threading:    the loop's. Several jobs may connect at once.
/// Cost:         an allocation when it is made; a call is a task or two.
class EDDY_API Connector final {
public:
    template <class F, class... Args>
        requires(!std::same_as<std::remove_cvref_t<F>, Connector>)
    explicit Connector(F&& fn, Args&&... args)
        : call_(call_of(std::forward<F>(fn), std::forward<Args>(args)...)) {}
    Connector(const Connector&) noexcept = default;
    Connector(Connector&&) noexcept = default;
    Connector& operator=(const Connector&) noexcept = default;
    Connector& operator=(Connector&&) noexcept = default;
    ~Connector() = default;

    /// False once it was moved from.
    explicit operator bool() const noexcept { return call_ != nullptr; }

    [[nodiscard]] Task<AnyStream> operator()() const;

private:
    template <class F, class... Args>
    static std::shared_ptr<detail::ConnectorCall> call_of(F&& fn, Args&&... args) {
        if constexpr (detail::check_plain_call<F, std::decay_t<Args>&...>()) {
            using Made = std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>&...>;
            constexpr bool makes_stream = detail::MakesStream<Made>;
            static_assert(makes_stream,
                          "what a Connector calls returns a stream, or a task or an operation that "
                          "gives one");
            EDDY_CHECK_CALLABLE(F);
            if constexpr (makes_stream) {
                using Call = detail::ConnectorCallOf<std::decay_t<F>, std::decay_t<Args>...>;
                return std::make_shared<Call>(
                    std::in_place, std::forward<F>(fn), std::forward<Args>(args)...);
            }
        }
        return nullptr;
    }

    std::shared_ptr<detail::ConnectorCall> call_;
};

/// By name, each time anew, as `connect` does it.
[[nodiscard]] EDDY_API Connector tcp_connector(std::string host,
                                               std::uint16_t port,
                                               const ConnectOptions& options = {});
[[nodiscard]] EDDY_API Connector tcp_connector(const Address& address);
[[nodiscard]] EDDY_API Connector unix_connector(std::string path);

}  // namespace eddy::inline v0_1
