// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/housekeeping.hpp>
#include <eddy/detail/list_link.hpp>
#include <eddy/detail/local_ref.hpp>
#include <eddy/detail/waiter_heap.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/resource_pool_options.hpp>
#include <eddy/time.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class ResourceCore;
class ResourcePlace;
class ResourceWait;

/// Why a resource is closed.
enum class ResourceEnd : std::uint8_t { broken, expired, idle_too_long, surplus, dropped, retired };

struct ListOfAll : ListLink {};
struct ListOfKey : ListLink {};

/// The resources of one key, and who waits for one.
struct EDDY_VISIBLE ResourceKey : ListOfAll,     // of the keys that somebody waits for
                                  WaiterPlace {  // among those that want room; by the first ticket
    explicit ResourceKey(ResourceCore& owner) noexcept : core(&owner) {}

    ResourceCore* core;
    WaitQueue waiting;
    ListOfKey idle;  // the one used last comes first
    std::size_t idle_count = 0;
    std::size_t alive = 0;  // made, or being made
    std::size_t users = 0;  // calls of `acquire` that may still look at it
    bool wants_room = false;
};

/// A resource as the pool sees it: what it is, the class derived from this knows.
///
/// Invariant: alive is counted from when there is room for it until it has been destroyed; it is in
///            both lists while it is idle, and in none otherwise.
struct EDDY_VISIBLE ResourceNode : ListOfAll, ListOfKey {
    ResourceNode() = default;
    ResourceNode(const ResourceNode&) = delete;
    ResourceNode& operator=(const ResourceNode&) = delete;
    virtual ~ResourceNode() = default;

    ResourceKey* key = nullptr;
    LocalRef<ResourceCore> core;  // so that leases need no more than this
    TimePoint idle_since{};
    TimePoint idle_until{};     // while it is idle: the end of its time, or of its lifetime
    TimePoint ends_at = never;  // its lifetime
    std::uint32_t epoch = 0;    // which loop it was made on
};

/// What a `ResourcePool` is, but for the types of its resources and keys: who has what, who waits,
/// what is closed when. Counted by the pool, its leases and the calls of `acquire`.
///
/// Closing runs code of the user's, which may come back here. So a resource is out of all lists by
/// then, and its room still taken.
///
/// Invariant: a key that somebody waits for has nothing idle. `line_` has the keys whose first
///            waiter needs nothing but room; while there is one, all room is taken and nothing is
///            idle.
class EDDY_API ResourceCore : public LocalShared, private Housekeeping {
public:
    /// Throws: `WrongThread`.
    void check(const char* what) const { bound_.check(what); }
    void require_here(const char* remedy) const noexcept { EDDY_REQUIRE(bound_.here(), remedy); }
    /// Throws: `ClosedResource`.
    void require_open() const {
        if (closed_) [[unlikely]] {
            throw_closed();
        }
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] std::size_t alive() const noexcept { return alive_; }
    [[nodiscard]] OnDrop on_drop() const noexcept { return on_drop_; }
    /// Without `keys`.
    [[nodiscard]] ResourcePoolStatistics statistics() const noexcept;

    /// For good.
    void close() noexcept;

    // --- for `acquire` ---------------------------------------------------------------------------
    void use(ResourceKey& key) noexcept { ++key.users; }
    void unuse(ResourceKey& key) noexcept {
        --key.users;
        vanish_if_unused(key);
    }
    /// It has been idle for so long that it is to be checked.
    [[nodiscard]] bool idle_for_long(const ResourceNode& node) const noexcept;
    /// The one used last that is still good, which is lent from now on; or null.
    [[nodiscard]] ResourceNode* take_idle(ResourceKey& key) noexcept {
        ResourceNode* const node = look_idle(key);
        if (node != nullptr) [[likely]] {
            // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): who acquires keeps the pool
            take_looked(*node);
        }
        return node;
    }
    /// What `look_idle` has found, without another look: a moment later it may be too old.
    void take_looked(ResourceNode& node) noexcept {
        leave_idle(node);
        ++lent_;
    }
    /// The one that would be taken; or null.
    [[nodiscard]] ResourceNode* look_idle(ResourceKey& key) noexcept {
        if (!key.idle.linked()) {
            return nullptr;
        }
        ResourceNode& node = first_of(key.idle);
        return time() < node.idle_until ? &node : look_further(key);
    }
    void count_failure() noexcept { ++counts_.failed; }
    void count_loan(bool reused) noexcept {
        ++counts_.acquired;
        counts_.reused += reused ? 1U : 0U;
    }

    // --- for leases ------------------------------------------------------------------------------
    /// This may be gone when it returns.
    void give_back(ResourceNode& node) noexcept {
        const ResourceKey& key = *node.key;
        if (joined() && !closed_ && key.waiting.empty() && line_.empty()) [[likely]] {
            const TimePoint now = time();
            if (node.epoch == epoch_ && now < node.ends_at) [[likely]] {
                --lent_;
                make_idle(node, now);
                return;
            }
        }
        give_back_unusual(node);
    }
    /// This may be gone when it returns.
    void discard(ResourceNode& node, ResourceEnd why) noexcept {
        --lent_;
        destroy(node, why);
    }

    void wait_drained(QueuedWaiter& waiter) noexcept { drained_.push_back(waiter); }

protected:
    explicit ResourceCore(const ResourcePoolOptions& options);
    ~ResourceCore() override = default;

    /// A key without resources that nobody wants: gone when this returns.
    virtual void vanish(ResourceKey& key) noexcept = 0;

private:
    friend class ResourcePlace;
    friend class ResourceWait;

    [[nodiscard]] bool has_room() const noexcept { return alive_ < max_total_; }
    [[nodiscard]] bool has_room(const ResourceKey& key) const noexcept {
        return key.alive < max_per_key_;
    }
    [[noreturn]] static void throw_closed();
    static ResourceNode& first_of(ListOfAll& list) noexcept {
        return static_cast<ResourceNode&>(static_cast<ListOfAll&>(*list.next));
    }
    static ResourceNode& first_of(ListOfKey& list) noexcept {
        return static_cast<ResourceNode&>(static_cast<ListOfKey&>(*list.next));
    }
    [[nodiscard]] ResourceNode* look_further(ResourceKey& key) noexcept;
    void give_back_unusual(ResourceNode& node) noexcept;
    [[nodiscard]] bool take_room(ResourceKey& key) noexcept;
    [[nodiscard]] bool passes_over(const ResourceKey& key) noexcept;
    void pass_to_waiter(ResourceNode& node) noexcept;
    void make_idle(ResourceNode& node, TimePoint now) noexcept {
        ResourceKey& key = *node.key;
        node.idle_since = now;
        node.idle_until = std::min(after(now, max_idle_time_), node.ends_at);
        node.ListOfAll::insert_before(idle_ones_);
        node.ListOfKey::insert_before(*key.idle.next);
        ++idle_;
        if (max_idle_ != 0) [[likely]] {
            look_by(node.idle_until);
        }
        if (++key.idle_count > max_idle_) [[unlikely]] {
            close_surplus(key);
        }
    }
    void leave_idle(ResourceNode& node) noexcept {
        node.ListOfAll::unlink_self();
        node.ListOfKey::unlink_self();
        --idle_;
        --node.key->idle_count;
    }
    void close_surplus(ResourceKey& key) noexcept;
    void close_idle(ResourceNode& node, ResourceEnd why) noexcept {
        leave_idle(node);
        destroy(node, why);
    }
    void close_all_idle() noexcept;
    void destroy(ResourceNode& node, ResourceEnd why) noexcept;
    void free_room(ResourceKey& key) noexcept;
    void give_room() noexcept;
    void stand_in_line(ResourceKey& key) noexcept;
    void vanish_if_unused(ResourceKey& key) noexcept {
        if (key.users == 0 && key.alive == 0) [[unlikely]] {
            vanish(key);
        }
    }

    [[nodiscard]] static ResourceEnd why_over(const ResourceNode& node, TimePoint now) noexcept;
    void look() override;
    void loop_over() noexcept override;
    void check_invariants() const noexcept;

    const Duration max_idle_time_;
    const Duration max_lifetime_;
    const Duration check_after_;
    const OnDrop on_drop_;
    const std::size_t max_total_;
    const std::size_t max_per_key_;
    const std::size_t max_idle_;
    LoopBound bound_;
    bool closed_ = false;
    std::uint32_t epoch_ = 0;
    std::size_t alive_ = 0;
    std::size_t lent_ = 0;
    std::size_t idle_ = 0;
    std::size_t making_ = 0;
    std::size_t waiting_ = 0;
    std::int64_t tickets_ = 0;
    ListOfAll idle_ones_;  // the longest idle one comes first
    ListOfAll crowded_;    // keys that somebody waits for
    WaiterHeap line_;
    WaitQueue drained_;
    ResourcePoolStatistics counts_;
    std::array<std::uint64_t, 6> ended_{};  // by ResourceEnd
};

}  // namespace eddy::inline v0_1::detail
