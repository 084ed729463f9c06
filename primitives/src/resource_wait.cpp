// SPDX-License-Identifier: MIT
#include <eddy/detail/resource_wait.hpp>

#include <cstddef>
#include <cstdint>

#include <eddy/detail/split_mix.hpp>

namespace eddy::inline v0_1::detail {

namespace {

/// Up to a tenth less than `most`.
Duration spread(Duration most, std::uint64_t number) noexcept {
    const auto tenth = static_cast<std::uint64_t>(most.count() / 10);
    return most - Duration(static_cast<Duration::rep>(SplitMix(number).next() % (tenth + 1)));
}

}  // namespace

void ResourcePlace::replace() noexcept {
    ResourceNode* const bad = std::exchange(node_, nullptr);
    --core_->lent_;
    ++core_->making_;
    ++core_->ended_[static_cast<std::size_t>(ResourceEnd::broken)];
    delete bad;
    node_ = core_->closed_ ? nullptr : core_->take_idle(*key_);
    if (node_ != nullptr) {  // so its room is somebody else's
        --core_->making_;
        --core_->alive_;
        --key_->alive;
        core_->free_room(*key_);
    }
}

void ResourcePlace::fill(ResourceNode& node) noexcept {
    node.key = key_;
    node.core = LocalRef<ResourceCore>(core_);
    node.epoch = core_->epoch_;
    if (core_->max_lifetime_ != Duration::max()) {
        node.ends_at = after(core_->time(), spread(core_->max_lifetime_, core_->counts_.made));
    }
    ++core_->counts_.made;
    --core_->making_;
    ++core_->lent_;
    node_ = &node;
    made_ = true;
}

void ResourcePlace::give_up() noexcept {
    if (node_ != nullptr) {
        core_->discard(*node_, core_->closed_ ? ResourceEnd::retired : ResourceEnd::broken);
        return;
    }
    --core_->making_;
    --core_->alive_;
    --key_->alive;
    core_->free_room(*key_);
}

// --- the waits ---------------------------------------------------------------------------------

/// Nothing is idle, or somebody waits.
bool ResourceWait::try_room() noexcept {
    static_cast<void>(core_.join());
    return key_.waiting.empty() && core_.take_room(key_);
}

void ResourceWait::start() noexcept {
    answer_ = Answer::none;
    ticket_ = ++core_.tickets_;
    key_.waiting.push_back(*this);
    ++core_.waiting_;
    core_.stand_in_line(key_);
    core_.check_invariants();
}

void ResourceWait::unlink() noexcept {
    unlink_self();
    --core_.waiting_;
    core_.stand_in_line(key_);
}

void ResourceWait::pass_on() noexcept {
    if (answer_ != Answer::granted) {
        return;
    }
    if (node_ != nullptr) {
        core_.give_back(*node_);
    } else {
        const ResourcePlace unused(core_, key_, nullptr, false);
    }
}

bool ResourceDrain::try_now() {
    ResourceCore& core = *core_;
    core.check(what());
    core.close();
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): this keeps it
    return core.alive() == 0;
}

/// The drain of another pool, of the same `select`, may have given back what was still lent.
void ResourceDrain::start() noexcept {
    if (core_->alive() == 0) {
        commit();
    } else {
        core_->wait_drained(*this);
    }
}

}  // namespace eddy::inline v0_1::detail
