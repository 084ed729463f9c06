// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>
#include <eddy/detail/resource_core.hpp>
#include <eddy/detail/shrink_map.hpp>
#include <eddy/error.hpp>
#include <eddy/resource_hooks.hpp>
#include <eddy/resource_pool_options.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1::detail {

/// A resource, which does not move again once it is in here.
template <class R>
struct EDDY_VISIBLE ResourceOf final : ResourceNode {
    std::optional<R> value;
};

template <class Key>
struct EDDY_VISIBLE ResourceKeyOf final : ResourceKey {
    const Key* value = nullptr;  // in the map
};
template <>
struct EDDY_VISIBLE ResourceKeyOf<void> final : ResourceKey {};

/// A pool without the table of its keys: what leases know.
template <class R, class Key>
class EDDY_VISIBLE ResourceState : public ResourceCore {
public:
    [[nodiscard]] bool needs_check(const ResourceNode& node) const noexcept {
        return hooks_.check && idle_for_long(node);
    }
    [[nodiscard]] Task<bool> check_task(ResourceOf<R>& node) const {
        return hooks_.check(*node.value);
    }
    [[nodiscard]] Task<R> make_task(const ResourceKey& key) const {
        if constexpr (std::is_void_v<Key>) {
            return hooks_.make();
        } else {
            return hooks_.make(*static_cast<const ResourceKeyOf<Key>&>(key).value);
        }
    }

    /// A lease has ended, by hand.
    void release(ResourceOf<R>& node) noexcept {
        if (hooks_.broken && is_broken(*node.value)) {
            discard(node, ResourceEnd::broken);
        } else {
            give_back(node);
        }
    }
    /// Or by itself.
    void drop(ResourceOf<R>& node) noexcept {
        if (on_drop() == OnDrop::give_back) [[likely]] {
            release(node);
        } else {
            discard(node, closed() ? ResourceEnd::retired : ResourceEnd::dropped);
        }
    }

protected:
    ResourceState(ResourceHooks<R, Key>&& hooks, const ResourcePoolOptions& options)
        : ResourceCore(options), hooks_(std::move(hooks)) {
        if (!hooks_.make) {
            throw std::invalid_argument(
                "ResourcePool: there is no way to make a resource; give it hooks with a `make`");
        }
    }
    ~ResourceState() override = default;

private:
    [[nodiscard]] bool is_broken(const R& resource) const noexcept {
        try {
            return hooks_.broken(resource);
        } catch (...) {
            return true;
        }
    }

    const ResourceHooks<R, Key> hooks_;
};

/// And with it: an entry for each key that has resources, or that somebody wants.
template <class R, class Key, class Hash, class Equal>
class EDDY_VISIBLE ResourceTable final : public ResourceState<R, Key> {
public:
    ResourceTable(ResourceHooks<R, Key>&& hooks, const ResourcePoolOptions& options)
        : ResourceState<R, Key>(std::move(hooks), options) {}

    [[nodiscard]] ResourceKeyOf<Key>& entry(const Key& key) {
        const auto [found, inserted] = entries_.try_emplace(key);
        found->second.value = &found->first;
        return found->second;
    }
    [[nodiscard]] std::size_t keys() const noexcept { return entries_.size(); }

private:
    void vanish(ResourceKey& key) noexcept override {
        entries_.erase(entries_.find(*static_cast<ResourceKeyOf<Key>&>(key).value));
        shrink_buckets(entries_);
    }

    std::unordered_map<Key, ResourceKeyOf<Key>, Hash, Equal> entries_;
};

template <class R, class Hash, class Equal>
class EDDY_VISIBLE ResourceTable<R, void, Hash, Equal> final : public ResourceState<R, void> {
public:
    ResourceTable(ResourceHooks<R, void>&& hooks, const ResourcePoolOptions& options)
        : ResourceState<R, void>(std::move(hooks), options) {}

    [[nodiscard]] ResourceKeyOf<void>& entry() noexcept { return entry_; }
    [[nodiscard]] std::size_t keys() const noexcept {
        return entry_.alive != 0 || entry_.users != 0 ? 1 : 0;
    }

private:
    void vanish(ResourceKey&) noexcept override {}

    ResourceKeyOf<void> entry_;
};

/// A call that has a key in its hands: neither that nor the pool vanishes.
template <class R, class Key>
class EDDY_VISIBLE ResourceUse final {
public:
    explicit ResourceUse(LocalRef<ResourceState<R, Key>> state, ResourceKey& key) noexcept
        : state_(std::move(state)), key_(&key) {
        state_->use(key);
    }
    ResourceUse(ResourceUse&&) noexcept = default;
    ResourceUse& operator=(ResourceUse&&) = delete;
    ~ResourceUse() {
        if (state_) {
            state_->unuse(*key_);
        }
    }

    [[nodiscard]] ResourceState<R, Key>& state() const noexcept { return *state_; }
    [[nodiscard]] ResourceKey& key() const noexcept { return *key_; }
    [[nodiscard]] LocalRef<ResourceState<R, Key>> share() const noexcept { return state_; }

private:
    LocalRef<ResourceState<R, Key>> state_;
    ResourceKey* key_;
};

/// Whether the resource that has been granted is good. False also if its check has failed.
template <class R, class Key>
Task<bool> passes_check(ResourceState<R, Key>& state, ResourceNode& node) {
    bool good = false;
    try {
        good = co_await state.check_task(static_cast<ResourceOf<R>&>(node));
    } catch (const std::exception&) {  // not `Cancelled`
    }
    co_return good;
}

/// Makes the resource that there is room for.
template <class R, class Key>
Task<> make_resource(ResourceState<R, Key>& state, ResourceKey& key, ResourcePlace& place) {
    auto node = std::make_unique<ResourceOf<R>>();  // now there is memory
    try {
        node->value.emplace(co_await state.make_task(key));
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        state.count_failure();
        throw;
    }
    place.fill(*node.release());
}

}  // namespace eddy::inline v0_1::detail
