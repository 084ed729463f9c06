// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/join_set.hpp>
#include <eddy/net/address.hpp>
#include <eddy/outcome.hpp>
#include <eddy/own.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

/// The order in which to try addresses: families take turns, the first one's first; within a family
/// the order stays.
[[nodiscard]] EDDY_API std::vector<Address> interleave_families(std::span<const Address> addresses);

namespace detail {

/// How one attempt failed.
struct FailedAttempt {
    Address address;
    std::exception_ptr error;
};

/// Throws the only failure, or an `IoError` that lists them all.
[[noreturn]] EDDY_API void throw_all_failed(std::string_view target,
                                            std::span<const FailedAttempt> failures);

/// How one attempt ended: its failure is a value, so that nobody reports it.
template <class S>
class Attempt final {
public:
    explicit Attempt(const Address& to) noexcept : address(to) {}
    Address address;
    std::optional<S> result;
    std::exception_ptr error;
};

template <class S>
class Attempts final {
public:
    Attempts() = default;
    std::optional<S> winner;
    std::vector<FailedAttempt> failures;
};

template <class S, class Connector>
Task<Attempt<S>> attempt(Connector& connector, Address address) {
    Attempt<S> outcome(address);
    try {
        outcome.result.emplace(co_await connector(address));
    } catch (const std::exception&) {
        outcome.error = std::current_exception();
    }
    co_return outcome;
}

/// Waits for an attempt to end, but no longer than `patience` if there is another one to start.
/// Empty: the time is up.
template <class S>
Task<std::optional<Attempt<S>>> next_end(JoinSet<Attempt<S>>& running,
                                         std::optional<Duration> patience) {
    std::optional<Attempt<S>> attempt;
    if (!patience) {
        std::optional<Outcome<Attempt<S>>> ended = co_await running.join_next();
        if (ended) {
            attempt.emplace(ended->value());
        }
        co_return attempt;
    }
    auto first = co_await select(running.join_next(), sleep_for(*patience));
    if (auto* const ended = std::get_if<0>(&first); ended != nullptr && ended->has_value()) {
        attempt.emplace((**ended).value());
    }
    co_return attempt;
}

/// Leaving the group waits for the attempts that lost: the set has cancelled them by then.
template <class S, class Connector>
Task<Attempts<S>> race_attempts(TaskGroup& group,
                                Connector& connector,
                                const std::vector<Address>& addresses,
                                Duration delay) {
    const std::source_location place = co_await caller_place();
    Attempts<S> all;
    JoinSet<Attempt<S>> running(group);
    std::size_t started = 0;
    while (!all.winner && all.failures.size() < addresses.size()) {
        if (started < addresses.size()) {
            running.spawn(attempt<S, Connector>(connector, addresses[started++]),
                          {.name = "connect attempt", .where = place});
        }
        const bool another = started < addresses.size();
        auto ended = co_await next_end<S>(running, another ? std::optional(delay) : std::nullopt);
        if (!ended) {
            continue;
        }
        if (ended->result) {
            all.winner.emplace(std::move(*ended->result));
        } else {
            all.failures.push_back({ended->address, ended->error});
        }
    }
    co_return all;
}

}  // namespace detail

/// Happy Eyeballs, RFC 8305: connects to the first address of several that answers. `connector` is
/// called with one address after the other and returns a `Task` of a connection. The next attempt
/// begins when one has failed, or `delay` after the latest one began; the first success wins. The
/// others are cancelled and awaited, and what they still bring is dropped.
///
/// This is the race alone, for connectors of your own; `connect(host, port)` is the whole.
///
/// Throws: what the only attempt threw; `IoError` with every failure ("connect example.com: ...")
///         when there were several; `std::invalid_argument` without addresses.
/// Order:  of two that succeed in the same turn, the one that ends first.
/// Source: RFC 8305 section 5; trio's open_tcp_stream.
template <class Connector>
[[nodiscard]] auto connect_first(std::vector<Address> addresses,
                                 Connector connector,
                                 Duration delay = std::chrono::milliseconds(250),
                                 std::string target = {})
    -> Task<detail::task_result_t<Connector&, Address>> {
    using S = detail::task_result_t<Connector&, Address>;
    using Race = Task<detail::Attempts<S>> (*)(
        TaskGroup&, Connector&, const std::vector<Address>&, Duration);
    const Race race = &detail::race_attempts<S, Connector>;
    if (addresses.empty()) {
        co_await checkpoint();
        detail::throw_all_failed(target, {});
    }
    detail::Attempts<S> attempts = co_await with_task_group(
        [&](TaskGroup& group) { return race(group, connector, addresses, delay); });
    if (!attempts.winner) {
        detail::throw_all_failed(target, attempts.failures);
    }
    co_return std::move(*attempts.winner);
}

}  // namespace eddy::inline v0_1
