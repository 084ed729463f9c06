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
#include <eddy/detail/resource_wait.hpp>
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
    using ResourceKey::ResourceKey;
    const Key* value = nullptr;  // in the map
};
template <>
struct EDDY_VISIBLE ResourceKeyOf<void> final : ResourceKey {
    using ResourceKey::ResourceKey;
};

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
        const auto [found, inserted] = entries_.try_emplace(key, *this);
        found->second.value = &found->first;
        return found->second;
    }
    /// Null if there is nothing of that key.
    [[nodiscard]] ResourceKeyOf<Key>* find(const Key& key) {
        const auto found = entries_.find(key);
        return found != entries_.end() ? &found->second : nullptr;
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
    [[nodiscard]] ResourceKeyOf<void>* find() noexcept { return &entry_; }
    [[nodiscard]] std::size_t keys() const noexcept {
        return entry_.alive != 0 || entry_.users != 0 ? 1 : 0;
    }

private:
    void vanish(ResourceKey&) noexcept override {}

    ResourceKeyOf<void> entry_{*this};
};

/// A call that has a key in its hands: neither that nor the pool vanishes. One pointer, so that it
/// comes into a frame without a detour.
template <class R, class Key>
class EDDY_VISIBLE ResourceUse final {
public:
    explicit ResourceUse(ResourceKey& key) noexcept : key_(&key) {
        static_cast<void>(LocalRef<ResourceCore>(key.core).detach());
        key.core->use(key);
    }
    ResourceUse(ResourceUse&& other) noexcept : key_(std::exchange(other.key_, nullptr)) {}
    ResourceUse& operator=(ResourceUse&&) = delete;
    ~ResourceUse() {
        if (key_ != nullptr) {
            const auto keep = LocalRef<ResourceCore>::adopt(key_->core);
            keep->unuse(*key_);
        }
    }

    [[nodiscard]] ResourceState<R, Key>& state() const noexcept {
        return static_cast<ResourceState<R, Key>&>(*key_->core);
    }
    [[nodiscard]] ResourceKey& key() const noexcept { return *key_; }

private:
    ResourceKey* key_;
};

/// Whether a resource that was idle is good. False also if its check has failed.
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

/// Of what has been granted: checks it, and has another one if it is no good; or makes it.
///
/// Throws: `ClosedResource` when the pool is closed meanwhile; what `make` throws.
template <class R, class Key>
Task<> prepare_resource(ResourceState<R, Key>& state, ResourceKey& key, ResourcePlace& place) {
    while (place.node() != nullptr && state.needs_check(*place.node())) {
        const bool good = co_await passes_check(state, *place.node());
        state.require_open();
        if (good) {
            co_return;
        }
        place.replace();
    }
    if (place.node() == nullptr) {
        state.require_open();
        co_await make_resource(state, key, place);
        state.require_open();
    }
}

}  // namespace eddy::inline v0_1::detail
