// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/flight.hpp>
#include <eddy/detail/shrink_map.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/own.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE SingleFlightStatistics {
    std::size_t flights = 0;    ///< under way
    std::size_t waiters = 0;    ///< on all of them
    std::uint64_t started = 0;  ///< flights so far
    std::uint64_t joined = 0;   ///< calls that found one under way
};

/// Many ask for the same thing at the same time, one fetches it: calls with an equal key, while one
/// is under way, wait for that one and share its result.
///
///     SingleFlight<int, User> users;
///     const User user = co_await users.get(id, fetch_user, id);  // in any number of jobs
///
/// It remembers nothing: the next call after the end fetches again. To keep one value for good, see
/// `OnceCell`; for one at a time, without sharing, `KeyedLock`.
///
/// The function runs in a job of its own, which belongs to the flight and not to the caller who
/// happened to be first: callers may come and go, the flight goes on, also for nobody: then the
/// next call finds it under way. It ends with this object at the latest, which cancels it.
///
/// Throws:       what the function throws, the same object in every call; nothing of it stays. A
///               flight that was cancelled is `JobCancelled` for its callers, one that the loop
///               destroyed `BrokenResource`. A failure that nobody has waited for is reported.
/// Cancellation: the caller leaves; the flight and the other callers do not notice.
/// Order:        the entry is gone before the first caller resumes; callers resume in order.
/// Lifetime:     outlives its waiters. Flights may outlive it by the time that their cancellation
///               takes; a group given to the constructor waits for them.
/// Cost:         a flight: three allocations; joining one: none, and a copy of the result. For a
///               value that is dear to copy make V a shared_ptr.
/// Source:       Go's singleflight (`Do`), where the leader's cancellation ends it for all.
template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>>
class EDDY_VISIBLE SingleFlight final {
    struct Flight;

public:
    template <class Fn, class... Args>
    class Get;

    /// Flights are jobs of the loop's root group: scopes around a caller do not reach them.
    SingleFlight() = default;
    /// Flights are jobs of `group`, which outlives this. Their failures do not end it.
    explicit SingleFlight(TaskGroup& group) noexcept : group_(&group) {}
    SingleFlight(const SingleFlight&) = delete;
    SingleFlight& operator=(const SingleFlight&) = delete;
    ~SingleFlight() {
        EDDY_REQUIRE(bound_.here(),
                     "a SingleFlight was destroyed on another thread than its loop's");
        for (auto& [key, flight] : flights_) {
            EDDY_NO_USER(flight->waiting().empty(),
                         "a SingleFlight was destroyed while jobs wait on it: end them first");
            flight->disown();
        }
    }

    [[nodiscard]] SingleFlightStatistics statistics() const {
        bound_.check("SingleFlight::statistics");
        std::size_t waiters = 0;
        for (const auto& [key, flight] : flights_) {
            waiters += flight->waiting().size();
        }
        return {flights_.size(), waiters, started_, joined_};
    }

    /// The result of the flight for `key`: of the one under way, or of `fn(args...)`, a task, begun
    /// now. `fn` is not given the key: who needs it there passes it again, `get(key, fn, key)`. A
    /// callable and arguments that are not needed are dropped with the call.
    ///
    /// Throws: `InvalidState` when `fn` asks for its own key, and when one call is awaited again
    ///         whose flight has ended; what `spawn` throws.
    template <class Fn, class... Args>
    [[nodiscard]] auto get(K key, Fn&& fn, Args&&... args) {
        if constexpr (!std::is_invocable_v<std::decay_t<Fn>&, std::decay_t<Args>...> &&
                      std::is_invocable_v<std::decay_t<Fn>&, K, std::decay_t<Args>...>) {
            static_assert(std::is_invocable_v<std::decay_t<Fn>&, std::decay_t<Args>...>,
                          "SingleFlight::get does not give the key to the function: pass it once "
                          "more, get(key, fn, key)");
            return detail::refused();
        } else if constexpr (detail::check_task_call<Fn, std::decay_t<Args>...>()) {
            return Get<std::decay_t<Fn>, std::decay_t<Args>...>(
                *this, std::move(key), std::forward<Fn>(fn), std::forward<Args>(args)...);
        } else {
            return detail::refused();
        }
    }

private:
    friend class detail::Pilot<Flight>;

    struct Flight final : detail::Flight<SingleFlight, V> {
        using detail::Flight<SingleFlight, V>::Flight;
        const K* key = nullptr;  // in the map
    };

    void landed(Flight& flight) noexcept {
        flights_.erase(flights_.find(*flight.key));
        detail::shrink_buckets(flights_);
    }

    // Invariant: a flight is in here until it has landed, and its owner is this as long.
    LoopBound bound_;
    TaskGroup* group_ = nullptr;
    std::uint64_t started_ = 0;
    std::uint64_t joined_ = 0;
    std::unordered_map<K, detail::StateRef<Flight>, Hash, Equal> flights_;
};

template <class K, class V, class Hash, class Equal>
template <class Fn, class... Args>
class SingleFlight<K, V, Hash, Equal>::Get final : public QueuedWaiter {
    static_assert(std::is_same_v<detail::task_result_t<Fn&, Args...>, V>,
                  "the function returns a Task of the SingleFlight's value type");

public:
    template <class F, class... As>
    explicit Get(SingleFlight& owner, K&& key, F&& fn, As&&... args)
        : owner_(owner),
          key_(std::move(key)),
          fn_(std::forward<F>(fn)),
          args_(std::forward<As>(args)...) {}

    [[nodiscard]] bool try_now() const {
        owner_.bound_.check("SingleFlight::get");
        return false;  // even one that is about to land has to land first
    }
    void start() {
        if (used_) {  // and key_ has gone too
            rejoin();
            return;
        }
        const auto found = owner_.flights_.find(key_);
        if (found != owner_.flights_.end()) {
            detail::require_other_job(found->second->job, "SingleFlight::get");
            flight_ = found->second;
            ++owner_.joined_;
        } else {
            flight_ = launch();
            ++owner_.started_;
        }
        flight_->add(*this);
    }
    V take() { return detail::copy_result<V>(*flight_); }
    [[nodiscard]] const char* what() const noexcept override { return "SingleFlight::get"; }

private:
    /// Awaited again after it has launched a flight: it is that one, as long as it is under way.
    void rejoin() {
        if (!flight_ || flight_->done()) {
            detail::throw_used("SingleFlight::get");
        }
        detail::require_other_job(flight_->job, "SingleFlight::get");
        ++owner_.joined_;
        flight_->add(*this);
    }

    [[nodiscard]] detail::StateRef<Flight> launch() {
        detail::StateRef<Flight> flight(*new Flight(owner_));
        used_ = true;  // also the key, whatever the map then finds no memory for
        const auto [entry, inserted] = owner_.flights_.try_emplace(std::move(key_), flight);
        flight->key = &entry->first;
        std::apply(
            [&](Args&... args) {
                detail::take_off<V>(owner_.group_, *flight, std::move(fn_), std::move(args)...);
            },
            args_);
        return flight;
    }

    SingleFlight& owner_;
    K key_;
    Fn fn_;
    std::tuple<Args...> args_;
    bool used_ = false;  // key_, fn_ and args_ have flown
    detail::StateRef<Flight> flight_;
};

}  // namespace eddy::inline v0_1
