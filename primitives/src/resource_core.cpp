// SPDX-License-Identifier: MIT
#include <eddy/detail/resource_core.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

#include <eddy/detail/resource_wait.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

namespace {

/// How often those that came later may be served before one that waits for room.
constexpr std::uint32_t most_passed_over = 32;

std::size_t at_least_one(Count given, const char* what) {
    const std::size_t limit = given.checked(what);
    if (limit == 0) {
        throw std::invalid_argument(std::string(what) +
                                    " is 0: nothing could ever be acquired; give it at least 1");
    }
    return limit;
}

void require_not_negative(Duration time, const char* what) {
    if (time < Duration::zero()) {
        throw std::invalid_argument(std::string(what) +
                                    " is negative; for no limit give it Duration::max()");
    }
}

}  // namespace

ResourceCore::ResourceCore(const ResourcePoolOptions& options)
    : max_idle_time_(options.max_idle_time),
      max_lifetime_(options.max_lifetime),
      check_after_(options.check_after),
      on_drop_(options.on_drop),
      max_total_(at_least_one(options.max_total, "ResourcePoolOptions: max_total")),
      max_per_key_(at_least_one(options.max_per_key, "ResourcePoolOptions: max_per_key")),
      max_idle_(options.max_idle.checked("ResourcePoolOptions: max_idle")) {
    require_not_negative(max_idle_time_, "ResourcePoolOptions: max_idle_time");
    require_not_negative(max_lifetime_, "ResourcePoolOptions: max_lifetime");
    require_not_negative(check_after_, "ResourcePoolOptions: check_after");
}

void ResourceCore::throw_closed() {
    throw ClosedResource("ResourcePool::acquire: the pool is closed, and lends nothing more");
}

ResourcePoolStatistics ResourceCore::statistics() const noexcept {
    ResourcePoolStatistics all = counts_;
    all.lent = lent_;
    all.idle = idle_;
    all.making = making_;
    all.waiting = waiting_;
    all.closed = closed_;
    all.broken = ended_[static_cast<std::size_t>(ResourceEnd::broken)];
    all.expired = ended_[static_cast<std::size_t>(ResourceEnd::expired)];
    all.idle_too_long = ended_[static_cast<std::size_t>(ResourceEnd::idle_too_long)];
    all.surplus = ended_[static_cast<std::size_t>(ResourceEnd::surplus)];
    all.dropped = ended_[static_cast<std::size_t>(ResourceEnd::dropped)];
    all.retired = ended_[static_cast<std::size_t>(ResourceEnd::retired)];
    return all;
}

// --- the end -----------------------------------------------------------------------------------

void ResourceCore::close() noexcept {
    if (std::exchange(closed_, true)) {
        return;
    }
    while (crowded_.linked()) {
        auto& key = static_cast<ResourceKey&>(static_cast<ListOfAll&>(*crowded_.next));
        while (auto* wait = static_cast<ResourceWait*>(key.waiting.pop_front())) {
            --waiting_;
            wait->answer_ = ResourceWait::Answer::closed;
            wait->commit();
        }
        stand_in_line(key);
    }
    const LocalRef<ResourceCore> keep(this);
    close_all_idle();
}

void ResourceCore::loop_over() noexcept {
    ++epoch_;  // so that what is lent does not come to the next loop
    const LocalRef<ResourceCore> keep(this);
    close_all_idle();
}

/// All are out of reach first: what the end of one calls may look for another.
void ResourceCore::close_all_idle() noexcept {
    ListOfAll over;
    while (idle_ones_.linked()) {
        ResourceNode& node = first_of(idle_ones_);
        leave_idle(node);
        node.ListOfAll::insert_before(over);
    }
    while (over.linked()) {
        ResourceNode& node = first_of(over);
        node.ListOfAll::unlink_self();
        destroy(node, ResourceEnd::retired);
    }
}

// --- what is idle ------------------------------------------------------------------------------

bool ResourceCore::idle_for_long(const ResourceNode& node) const noexcept {
    return check_after_ == Duration::zero() || time() - node.idle_since > check_after_;
}

void ResourceCore::close_surplus(ResourceKey& key) noexcept {
    close_idle(static_cast<ResourceNode&>(static_cast<ListOfKey&>(*key.idle.prev)),
               ResourceEnd::surplus);
}

/// The first one is too old to be lent, and so may others be.
ResourceNode* ResourceCore::look_further(ResourceKey& key) noexcept {
    const LocalRef<ResourceCore> keep(this);
    ResourceNode* found = nullptr;
    use(key);
    while (found == nullptr && key.idle.linked()) {
        ResourceNode& node = first_of(key.idle);
        const TimePoint now = time();
        if (now < node.idle_until) {
            found = &node;
        } else {
            close_idle(node, why_over(node, now));
        }
    }
    unuse(key);
    return found;
}

ResourceEnd ResourceCore::why_over(const ResourceNode& node, TimePoint now) noexcept {
    return now >= node.ends_at ? ResourceEnd::expired : ResourceEnd::idle_too_long;
}

/// Closes those that have been idle for too long. What that calls may do anything here: so they are
/// out of reach first.
void ResourceCore::look() {
    const LocalRef<ResourceCore> keep(this);
    const TimePoint now = time();
    ListOfAll over;
    TimePoint next = never;
    for (detail::ListLink* link = idle_ones_.next; link != &idle_ones_;) {
        auto& node = static_cast<ResourceNode&>(static_cast<ListOfAll&>(*link));
        link = link->next;
        if (now < node.idle_until) {
            next = std::min(next, node.idle_until);
        } else {
            leave_idle(node);
            node.ListOfAll::insert_before(over);
        }
    }
    look_by(next);
    while (over.linked()) {
        ResourceNode& node = first_of(over);
        node.ListOfAll::unlink_self();
        destroy(node, why_over(node, now));
    }
}

// --- room --------------------------------------------------------------------------------------

/// Requires: in no list. Runs code of the user's, in the end of the resource.
void ResourceCore::destroy(ResourceNode& node, ResourceEnd why) noexcept {
    const LocalRef<ResourceCore> keep = std::move(node.core);
    ResourceKey& key = *node.key;
    ++ended_[static_cast<std::size_t>(why)];
    delete &node;
    --alive_;
    --key.alive;
    free_room(key);
}

/// There is less of it alive than before.
void ResourceCore::free_room(ResourceKey& key) noexcept {
    stand_in_line(key);
    give_room();
    if (alive_ == 0) {
        drained_.wake_all();
    }
    vanish_if_unused(key);
    check_invariants();
}

/// To those who have waited longest, of all whose keys have not too many already.
void ResourceCore::give_room() noexcept {
    while (!line_.empty() && has_room()) {
        auto& key = static_cast<ResourceKey&>(line_.top());
        auto& wait = static_cast<ResourceWait&>(*key.waiting.pop_front());
        --waiting_;
        ++alive_;
        ++key.alive;
        ++making_;
        stand_in_line(key);
        wait.answer_ = ResourceWait::Answer::granted;
        wait.commit();
    }
}

/// After each change of what is alive of a key, or of who waits for it first.
void ResourceCore::stand_in_line(ResourceKey& key) noexcept {
    const auto* first = static_cast<const ResourceWait*>(key.waiting.front());
    const bool wants_room = first != nullptr && has_room(key);
    if (key.wants_room && (!wants_room || key.WaiterPlace::key != first->ticket_)) {
        line_.remove(key);
        key.wants_room = false;
    }
    if (wants_room && !key.wants_room) {
        key.WaiterPlace::key = first->ticket_;
        line_.insert(key);
        key.wants_room = true;
    }
    if (first == nullptr) {
        key.ListOfAll::unlink_self();
    } else if (!key.ListOfAll::linked()) {
        key.ListOfAll::insert_before(crowded_);
    }
}

/// For a newcomer. An idle one of another key goes for it, the one that has been idle longest.
bool ResourceCore::take_room(ResourceKey& key) noexcept {
    if (!has_room(key) || (!has_room() && !idle_ones_.linked())) {
        return false;
    }
    ++key.alive;
    ++making_;
    if (has_room()) {
        ++alive_;
        return true;
    }
    const LocalRef<ResourceCore> keep(this);
    ResourceNode& node = first_of(idle_ones_);
    ResourceKey& other = *node.key;
    leave_idle(node);
    ++ended_[static_cast<std::size_t>(ResourceEnd::surplus)];
    delete &node;
    --other.alive;  // and not alive_: its room is taken
    vanish_if_unused(other);
    return true;
}

// --- what comes back ---------------------------------------------------------------------------

void ResourceCore::give_back_unusual(ResourceNode& node) noexcept {
    ResourceKey& key = *node.key;
    --lent_;
    if (closed_ || !joined() || node.epoch != epoch_) {
        destroy(node, ResourceEnd::retired);
        return;
    }
    const TimePoint now = time();
    if (now >= node.ends_at) {
        destroy(node, ResourceEnd::expired);
    } else if (key.waiting.empty() ? !line_.empty() : passes_over(key)) {
        destroy(node, ResourceEnd::surplus);  // its room goes to another key
    } else if (key.waiting.empty()) {
        make_idle(node, now);
    } else {
        pass_to_waiter(node);
        check_invariants();
    }
}

/// Somebody has waited for room before the first who waits for this key, and often enough.
bool ResourceCore::passes_over(const ResourceKey& key) noexcept {
    const auto& first = static_cast<const ResourceWait&>(*key.waiting.front());
    if (line_.empty() || line_.top().key >= first.ticket_) {
        return false;
    }
    auto& longest = static_cast<ResourceKey&>(line_.top());
    return ++static_cast<ResourceWait&>(*longest.waiting.front()).passed_over_ > most_passed_over;
}

void ResourceCore::pass_to_waiter(ResourceNode& node) noexcept {
    ResourceKey& key = *node.key;
    auto& wait = static_cast<ResourceWait&>(*key.waiting.pop_front());
    --waiting_;
    ++lent_;
    stand_in_line(key);
    wait.node_ = &node;
    wait.answer_ = ResourceWait::Answer::granted;
    wait.commit();
}

void ResourceCore::check_invariants() const noexcept {
#ifndef NDEBUG
    EDDY_ASSERT(lent_ + idle_ + making_ <= alive_);  // and those that are being closed
    EDDY_ASSERT(alive_ <= max_total_);
    EDDY_ASSERT(line_.empty() || (!has_room() && idle_ == 0));
    EDDY_ASSERT(!closed_ || waiting_ == 0);
#endif
}

}  // namespace eddy::inline v0_1::detail
