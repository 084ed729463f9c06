// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>
#include <eddy/detail/resource_core.hpp>
#include <eddy/detail/resource_state.hpp>
#include <eddy/detail/resource_wait.hpp>
#include <eddy/resource_hooks.hpp>
#include <eddy/resource_lease.hpp>
#include <eddy/resource_pool_options.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

/// Lends things that are dear to make: made when there are too few, checked, used by one job at a
/// time, given back, closed when they are broken, old or idle. Connections, of any kind.
///
///     ResourcePool<Connection> pool({.make = [&] { return Connection::connect(address); }},
///                                   {.max_total = 16, .max_idle_time = 60s});
///     {
///         const auto lease = co_await pool.acquire();
///         co_await lease->query("select 1");
///     }  // given back
///     co_await pool.drain();
///
/// With a key, `ResourcePool<Connection, Host>`, it has resources for each, `pool.acquire(host)`,
/// and one limit for all. To share one thing among all see `OnceCell`; to limit how many do
/// something, without anything that they need for it, `Semaphore`.
///
/// A resource is closed by its destructor. That runs where a lease ends, inside an `acquire` that
/// needs its room or finds it too old, in a call of the loop (too long idle), in `close`, and at
/// the end of the pool or of the loop; never inside another job's wake.
///
/// A job that holds a lease and acquires another one may wait for itself: when all are lent to jobs
/// that do so, nobody goes on. Take what is needed at once, or release first.
///
/// Requires:     hashing, comparing and destroying a key do not throw; nor does the resource's
///               destructor.
/// Throws:       `ClosedResource` once it is closed.
/// Cancellation: of the wait, the making and the check: the room, or what was granted, is the next
///               one's. A resource whose check was cut off is closed, since nobody knows its state.
/// Order:        first come, first served for each key, and a newcomer does not overtake. Idle ones
///               are lent before any is made, the one used last first, so that a surplus ages.
///               At `max_total` the longest idle one of all keys is closed to make room; what
///               comes back goes to its own key's first waiter, but who has waited longest for room
///               is passed over by later ones 32 times at most. A key at `max_per_key` holds up
///               nobody else.
/// Lifetime:     its end is a `close`; leases may outlive it. When its loop ends idle resources are
///               closed, and those that come back later are; it may then be used on the next one.
/// Cost:         to lend and take back an idle one: no allocation, no system call; with keys, a
///               hash. Waiting allocates nothing but the frame of `acquire`.
/// Source:       HikariCP, whose lifetimes differ, too; Go's database/sql, which hands over what
///               comes back, and looks after what it grants to a waiter that is being cancelled.
template <class R, class Key = void, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class EDDY_VISIBLE ResourcePool final {
    static_assert(std::is_object_v<R> && std::is_move_constructible_v<R>,
                  "a resource is an object that can be moved once, from where it is made to where "
                  "it stays: pool a std::unique_ptr to one that cannot");
    static_assert(std::is_nothrow_destructible_v<R>, "a resource is closed by its destructor");
    static_assert(!std::is_reference_v<Key> && !std::is_const_v<Key>, "a key is a plain value");
    using Table = detail::ResourceTable<R, Key, Hash, Equal>;
    using State = detail::ResourceState<R, Key>;
    using Use = detail::ResourceUse<R, Key>;

public:
    using Lease = ResourceLease<R, Key>;
    using Hooks = ResourceHooks<R, Key>;
    using Drain = detail::ResourceDrain;

    /// Makes nothing yet.
    ///
    /// Throws: `std::invalid_argument` without a `make`, for a `max_total` or `max_per_key` of 0,
    ///         and for negative numbers and times.
    explicit ResourcePool(Hooks hooks, ResourcePoolOptions options = {})
        : table_(new Table(std::move(hooks), options)) {}
    ResourcePool(const ResourcePool&) = delete;
    ResourcePool& operator=(const ResourcePool&) = delete;
    ~ResourcePool() {
        table_->require_here("a ResourcePool was destroyed on another thread than its loop's");
        table_->close();
    }

    [[nodiscard]] ResourcePoolStatistics statistics() const {
        table_->check("ResourcePool::statistics");
        ResourcePoolStatistics all = table_->statistics();
        all.keys = table_->keys();
        return all;
    }

    /// Lends one: an idle one, a new one, or the next that comes back. May wait, and runs the hooks
    /// `check` and `make`; so it is a task, for `race` and `fail_after`, and not for `select`.
    ///
    /// Throws: what `make` throws; the next one that waits tries himself then.
    [[nodiscard]] Task<Lease> acquire()
        requires std::is_void_v<Key>
    {
        table_->check("ResourcePool::acquire");
        return lend(use());
    }
    /// The same, of a key. The key is copied if the pool does not have it yet.
    template <class K = Key>
        requires(!std::is_void_v<Key>)
    [[nodiscard]] Task<Lease> acquire(const std::type_identity_t<K>& key) {
        table_->check("ResourcePool::acquire");
        return lend(use(key));
    }

    /// Lends an idle one that needs no check and that nobody waits for; else nothing.
    [[nodiscard]] std::optional<Lease> try_acquire()
        requires std::is_void_v<Key>
    {
        table_->check("ResourcePool::try_acquire");
        return try_lend(table_->find());
    }
    template <class K = Key>
        requires(!std::is_void_v<Key>)
    [[nodiscard]] std::optional<Lease> try_acquire(const std::type_identity_t<K>& key) {
        table_->check("ResourcePool::try_acquire");
        return try_lend(table_->find(key));
    }

    /// For good: idle resources are closed now, those that are lent when they come back. Who waits,
    /// who comes from now on, and who is just making or checking one, gets `ClosedResource`.
    void close() {
        table_->check("ResourcePool::close");
        const detail::LocalRef<Table> keep = table_;
        keep->close();
    }

    /// Closes it, and waits until all that was lent or being made has been closed, too. A job that
    /// holds a lease would wait for itself.
    ///
    /// Cancellation: on entry it is not closed yet, later it stays closed.
    [[nodiscard]] Drain drain() {
        table_->check("ResourcePool::drain");
        return Drain(detail::LocalRef<detail::ResourceCore>(&*table_));
    }

private:
    template <class... Keys>
    [[nodiscard]] Use use(const Keys&... key) {
        return Use(table_->entry(key...));
    }

    static Task<Lease> lend(Use use) {
        State& state = use.state();
        detail::ResourceWait wait(state, use.key());
        detail::ResourcePlace place = co_await wait;
        const detail::ResourceNode* const node = place.node();
        const bool ready = node != nullptr && !(place.was_idle() && state.needs_check(*node));
        if (!ready) [[unlikely]] {
            co_await detail::prepare_resource(state, use.key(), place);
        }
        co_return Lease(place.lend());
    }

    [[nodiscard]] std::optional<Lease> try_lend(detail::ResourceKey* key) {
        Table& table = *table_;
        table.require_open();
        detail::ResourceNode* const idle = key != nullptr ? table.look_idle(*key) : nullptr;
        if (idle == nullptr || table.needs_check(*idle)) {
            return std::nullopt;
        }
        table.count_loan(true);
        table.take_looked(*idle);
        return Lease(*idle);
    }

    detail::LocalRef<Table> table_;
};

}  // namespace eddy::inline v0_1
