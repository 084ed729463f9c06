// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/local_ref.hpp>
#include <eddy/detail/resource_core.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

/// What a wait has been granted, until it is a lease: a resource, or room to make one. What is left
/// of it at its end is closed, and the room is the next one's.
class EDDY_API ResourcePlace final {
public:
    explicit ResourcePlace(ResourceCore& core,
                           ResourceKey& key,
                           ResourceNode* node,
                           bool was_idle) noexcept
        : core_(&core), key_(&key), node_(node), was_idle_(was_idle) {}
    ResourcePlace(ResourcePlace&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)),
          key_(other.key_),
          node_(other.node_),
          was_idle_(other.was_idle_) {}
    ResourcePlace& operator=(ResourcePlace&&) = delete;
    ~ResourcePlace() {
        if (core_ != nullptr) [[unlikely]] {
            give_up();
        }
    }

    /// Null: it is to be made.
    [[nodiscard]] ResourceNode* node() const noexcept { return node_; }
    /// It was lent to nobody before this.
    [[nodiscard]] bool was_idle() const noexcept { return was_idle_; }

    /// What it has is no good: closes it, and has another idle one, or room.
    void replace() noexcept;
    /// It has been made.
    void fill(ResourceNode& node) noexcept;
    /// It is a lease's from now on.
    ResourceNode& lend() noexcept {
        core_->count_loan(!made_);
        core_ = nullptr;
        return *node_;
    }

private:
    void give_up() noexcept;

    ResourceCore* core_;  // null: lent, or moved from
    ResourceKey* key_;
    ResourceNode* node_;
    bool was_idle_;
    bool made_ = false;
};

/// The wait for a resource, or for room to make one.
class EDDY_API ResourceWait final : public QueuedWaiter {
public:
    explicit ResourceWait(ResourceCore& core, ResourceKey& key) noexcept : core_(core), key_(key) {}

    [[nodiscard]] bool try_now() {
        core_.check("ResourcePool::acquire");
        core_.require_open();
        passed_over_ = 0;
        node_ = key_.waiting.empty() ? core_.take_idle(key_) : nullptr;
        was_idle_ = node_ != nullptr;
        answer_ = Answer::granted;
        return was_idle_ || try_room();
    }
    void start() noexcept;
    [[nodiscard]] ResourcePlace take() {
        if (answer_ == Answer::closed) [[unlikely]] {
            core_.require_open();
        }
        return ResourcePlace(core_, key_, node_, was_idle_);
    }
    [[nodiscard]] const char* what() const noexcept override { return "ResourcePool::acquire"; }

private:
    friend class ResourceCore;
    enum class Answer : std::uint8_t { none, granted, closed };

    [[nodiscard]] bool try_room() noexcept;
    void unlink() noexcept override;
    void pass_on() noexcept override;

    ResourceCore& core_;
    ResourceKey& key_;
    ResourceNode* node_ = nullptr;  // granted without one: room
    std::int64_t ticket_ = 0;
    std::uint32_t passed_over_ = 0;
    bool was_idle_ = false;
    Answer answer_ = Answer::none;
};

/// The wait until it is closed and everything has come back.
class EDDY_API ResourceDrain final : public QueuedWaiter {
public:
    static constexpr bool calls_out = true;  // the ends of what was idle

    explicit ResourceDrain(LocalRef<ResourceCore> core) noexcept : core_(std::move(core)) {}

    [[nodiscard]] bool try_now();
    void start() noexcept;
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "ResourcePool::drain"; }

private:
    LocalRef<ResourceCore> core_;
};

}  // namespace eddy::inline v0_1::detail
