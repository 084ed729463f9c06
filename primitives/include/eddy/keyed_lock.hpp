// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/lifetime_bound.hpp>
#include <eddy/detail/lock_core.hpp>
#include <eddy/detail/shrink_map.hpp>
#include <eddy/error.hpp>
#include <eddy/lock.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/require.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE KeyedLockStatistics {
    std::size_t keys = 0;     ///< that are held
    std::size_t waiters = 0;  ///< of all keys together
};

/// A `Lock` for each key: work on one account, file or user, one job at a time.
///
/// Keys need not be known before. An entry comes with the first `acquire` and vanishes when the
/// last guard of its key goes; so there is nothing to clean up. To let all who want the same thing
/// share one result instead of taking turns, see `SingleFlight`.
///
///     KeyedLock<std::string> accounts;
///     const auto guard = co_await accounts.acquire("alice");
///
/// A job may hold several keys. Take them in one fixed order: two jobs that hold one each and want
/// the other's wait for ever.
///
/// Requires: hashing, comparing and destroying a key do not throw.
/// Throws:   `InvalidState` when the owner of a key asks for it again.
/// Order:    as for `Lock`, per key.
/// Lifetime: it outlives its guards and waiters. `acquire` keeps a key that is a temporary, as
///           above, and refers to one that has a name, which then outlives the await.
/// Cost:     one hash and, for a key that nobody holds, one allocation; waiting allocates nothing.
template <class K, class Hash = std::hash<K>, class Equal = std::equal_to<K>>
class EDDY_VISIBLE KeyedLock final {
    using Entries = std::unordered_map<K, detail::LockCore, Hash, Equal>;
    using Entry = typename Entries::value_type;

public:
    class Guard;
    class Acquire;
    class AcquireOwn;

    KeyedLock() = default;
    KeyedLock(const KeyedLock&) = delete;
    KeyedLock& operator=(const KeyedLock&) = delete;
    ~KeyedLock();

    [[nodiscard]] bool locked(const K& key) const;
    [[nodiscard]] KeyedLockStatistics statistics() const;
    /// Of one key.
    [[nodiscard]] LockStatistics statistics(const K& key) const;

    /// The key's lock if it is free, and nothing if it would have to wait.
    [[nodiscard]] std::optional<Guard> try_acquire(const K& key);

    /// Waits for the key's lock. Cancellation: the job leaves the queue; nobody else can tell.
    [[nodiscard]] Acquire acquire(const K& key EDDY_LIFETIMEBOUND) { return Acquire(*this, key); }
    [[nodiscard]] AcquireOwn acquire(K&& key)
        requires std::move_constructible<K>
    {
        return AcquireOwn(*this, std::move(key));
    }

private:
    void release(Entry& entry) noexcept {
        if (entry.second.release()) {
            entries_.erase(entries_.find(entry.first));
            detail::shrink_buckets(entries_);
        }
    }

    // Invariant: every entry is held; so pointers to entries stay good while they are needed.
    LoopBound bound_;
    Entries entries_;
};

/// Holds one key; its end releases it, in whatever job that is.
template <class K, class Hash, class Equal>
class [[nodiscard]] KeyedLock<K, Hash, Equal>::Guard final {
public:
    Guard(Guard&& other) noexcept
        : locks_(other.locks_), entry_(std::exchange(other.entry_, nullptr)) {}
    /// Releases first what this one holds.
    Guard& operator=(Guard&& other) noexcept {
        if (this != &other) {
            drop();
            locks_ = other.locks_;
            entry_ = std::exchange(other.entry_, nullptr);
        }
        return *this;
    }
    ~Guard() { drop(); }

    /// True while it holds a key.
    [[nodiscard]] explicit operator bool() const noexcept { return entry_ != nullptr; }
    /// Throws: `InvalidState` if it holds nothing; so do the next two.
    [[nodiscard]] const K& key() const { return require("KeyedLock::Guard::key").first; }

    /// Makes the calling job the owner, after the guard has come from another one.
    void adopt() {
        Entry& entry = require("KeyedLock::Guard::adopt");
        locks_->bound_.check("KeyedLock::Guard::adopt");
        entry.second.adopt();
    }

    /// Releases early.
    void release() {
        Entry& entry = require("KeyedLock::Guard::release");
        locks_->bound_.check("KeyedLock::Guard::release");
        entry_ = nullptr;
        locks_->release(entry);
    }

private:
    friend class KeyedLock;

    Guard(KeyedLock& locks, Entry& entry) noexcept : locks_(&locks), entry_(&entry) {}
    void drop() noexcept {
        if (entry_ != nullptr) {
            EDDY_REQUIRE(locks_->bound_.here(),
                         "a KeyedLock's guard was dropped on another thread than its lock's loop: "
                         "move it back with LoopHandle::post first");
            locks_->release(*std::exchange(entry_, nullptr));
        }
    }
    [[nodiscard]] Entry& require(const char* what) const {
        if (entry_ == nullptr) {
            detail::LockCore::refuse_empty_guard(what);
        }
        return *entry_;
    }

    KeyedLock* locks_;
    Entry* entry_;
};

template <class K, class Hash, class Equal>
class KeyedLock<K, Hash, Equal>::Acquire : public QueuedWaiter {
public:
    Acquire(KeyedLock& locks, const K& key) noexcept : locks_(locks), key_(key) {}

    [[nodiscard]] bool try_now() {
        locks_.bound_.check("KeyedLock::acquire");
        entry_ = &*locks_.entries_.try_emplace(key_).first;
        return entry_->second.try_acquire("KeyedLock::acquire");
    }
    void start() {
        entry_ = &*locks_.entries_.try_emplace(key_).first;  // it may have vanished meanwhile
        entry_->second.enqueue(*this);
    }
    [[nodiscard]] Guard take() const noexcept { return Guard(locks_, *entry_); }
    [[nodiscard]] const char* what() const noexcept override { return "KeyedLock::acquire"; }

private:
    void pass_on() noexcept override { locks_.release(*entry_); }

    KeyedLock& locks_;
    const K& key_;
    Entry* entry_ = nullptr;
};

/// Brings its own key.
template <class K, class Hash, class Equal>
class KeyedLock<K, Hash, Equal>::AcquireOwn final : public Acquire {
public:
    explicit AcquireOwn(KeyedLock& locks, K&& key) : Acquire(locks, key_), key_(std::move(key)) {}

private:
    K key_;
};

template <class K, class Hash, class Equal>
KeyedLock<K, Hash, Equal>::~KeyedLock() {
    for (const Entry& entry : entries_) {
        EDDY_NO_USER(!entry.second.has_waiters(),
                     "a KeyedLock was destroyed while jobs wait on it: end them first, or declare "
                     "it before the group that runs them");
    }
    EDDY_NO_USER(entries_.empty(),
                 "a KeyedLock was destroyed while a guard holds a key: drop the guard first, or "
                 "declare it after the lock");
}

template <class K, class Hash, class Equal>
bool KeyedLock<K, Hash, Equal>::locked(const K& key) const {
    bound_.check("KeyedLock::locked");
    return entries_.find(key) != entries_.end();
}

template <class K, class Hash, class Equal>
KeyedLockStatistics KeyedLock<K, Hash, Equal>::statistics() const {
    bound_.check("KeyedLock::statistics");
    KeyedLockStatistics all{.keys = entries_.size()};
    for (const Entry& entry : entries_) {
        all.waiters += entry.second.waiters();
    }
    return all;
}

template <class K, class Hash, class Equal>
LockStatistics KeyedLock<K, Hash, Equal>::statistics(const K& key) const {
    bound_.check("KeyedLock::statistics");
    const auto found = entries_.find(key);
    return found != entries_.end() ? detail::statistics_of(found->second) : LockStatistics{};
}

template <class K, class Hash, class Equal>
auto KeyedLock<K, Hash, Equal>::try_acquire(const K& key) -> std::optional<Guard> {
    bound_.check("KeyedLock::try_acquire");
    Entry& entry = *entries_.try_emplace(key).first;
    if (!entry.second.try_acquire("KeyedLock::try_acquire")) {
        return std::nullopt;
    }
    return Guard(*this, entry);
}

}  // namespace eddy::inline v0_1
