// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/resource_state.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// Throws: `InvalidState` in the name of `what`.
[[noreturn]] EDDY_API void throw_empty_lease(const char* what);

}  // namespace detail

template <class R, class Key, class Hash, class Equal>
class ResourcePool;

/// A resource that a `ResourcePool` has lent. It goes back when this ends, in whatever job, or is
/// closed then: see `ResourcePoolOptions::on_drop`.
///
/// Throws:    `InvalidState` for one that is empty: moved from, released, discarded.
/// Threading: the thread of the pool's loop, also for its end. Another one may end it once that
///            loop is over.
/// Lifetime:  it may outlive the pool, and the loop; the resource is closed at its end then. The
///            resource stays where it is in memory, however often this moves.
template <class R, class Key = void>
class [[nodiscard]] EDDY_VISIBLE ResourceLease final {
    using State = detail::ResourceState<R, Key>;

public:
    ResourceLease(ResourceLease&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    /// Lets go first of what this one has.
    ResourceLease& operator=(ResourceLease&& other) noexcept {
        if (this != &other) {
            drop();
            node_ = std::exchange(other.node_, nullptr);
        }
        return *this;
    }
    ~ResourceLease() { drop(); }

    [[nodiscard]] explicit operator bool() const noexcept { return node_ != nullptr; }

    [[nodiscard]] R& operator*() const { return *node("ResourceLease::operator*").value; }
    [[nodiscard]] R* operator->() const { return &*node("ResourceLease::operator->").value; }

    /// What it was acquired for. Valid as long as the resource.
    template <class K = Key>
        requires(!std::is_void_v<K>)
    [[nodiscard]] const K& key() const {
        detail::ResourceKey& key = *node("ResourceLease::key").key;
        return *static_cast<detail::ResourceKeyOf<K>&>(key).value;
    }

    /// Gives it back now, for others to use.
    void release() {
        detail::ResourceOf<R>& returned = take("ResourceLease::release");
        state_of(returned).release(returned);
    }

    /// It is broken: closes it now. There is room for another one.
    void discard() {
        detail::ResourceOf<R>& broken = take("ResourceLease::discard");
        state_of(broken).discard(broken, detail::ResourceEnd::broken);
    }

private:
    template <class, class, class, class>
    friend class ResourcePool;

    explicit ResourceLease(detail::ResourceNode& node) noexcept
        : node_(&static_cast<detail::ResourceOf<R>&>(node)) {}

    [[nodiscard]] static State& state_of(const detail::ResourceNode& node) noexcept {
        return static_cast<State&>(*node.core);
    }
    [[nodiscard]] detail::ResourceOf<R>& node(const char* what) const {
        if (node_ == nullptr) [[unlikely]] {
            detail::throw_empty_lease(what);
        }
        return *node_;
    }
    [[nodiscard]] detail::ResourceOf<R>& take(const char* what) {
        detail::ResourceOf<R>& taken = node(what);
        state_of(taken).check(what);
        node_ = nullptr;
        return taken;
    }
    void drop() noexcept {
        if (node_ != nullptr) {
            detail::ResourceOf<R>& dropped = *std::exchange(node_, nullptr);
            State& state = state_of(dropped);
            state.require_here(
                "a ResourceLease ended on another thread than its pool's loop: move it back with "
                "LoopHandle::post first");
            state.drop(dropped);
        }
    }

    detail::ResourceOf<R>* node_;
};

}  // namespace eddy::inline v0_1
