// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "fuzz.hpp"

namespace eddy::fuzz {

/// What became of each item: it is put at most once, got at most once, and only if it was put, and
/// it dies exactly once.
class Ledger final {
public:
    [[nodiscard]] std::size_t make() {
        entries_.push_back({});
        return entries_.size();  // 0 is no item
    }
    bool torn = false;  // jobs are destroyed in the middle

    void put(std::size_t id) { mark(entries_[id - 1].put); }
    void got(std::size_t id) { mark(entries_[id - 1].got); }
    void died(std::size_t id) noexcept { mark(entries_[id - 1].died); }

    /// Once all is over, and whatever could hold an item is gone.
    void check() const {
        for (const Entry& entry : entries_) {
            FUZZ_REQUIRE(entry.put || !entry.got);
            FUZZ_REQUIRE(entry.died);
        }
    }

private:
    struct Entry {
        bool put = false;
        bool got = false;
        bool died = false;
    };
    static void mark(bool& what) noexcept {
        FUZZ_REQUIRE(!what);
        what = true;
    }

    std::vector<Entry> entries_;
};

/// Something that is in one place at a time.
class Item final {
public:
    Item() = default;
    explicit Item(Ledger& ledger) : ledger_(&ledger), id_(ledger.make()) {}
    Item(Item&& other) noexcept : ledger_(other.ledger_), id_(std::exchange(other.id_, 0)) {}
    Item& operator=(Item&& other) noexcept {
        Item old(std::move(other));
        std::swap(ledger_, old.ledger_);
        std::swap(id_, old.id_);
        return *this;
    }
    ~Item() {
        if (id_ != 0) {
            ledger_->died(id_);
        }
    }

    [[nodiscard]] std::size_t id() const noexcept { return id_; }
    friend bool operator<(const Item& a, const Item& b) noexcept { return a.id_ % 3 < b.id_ % 3; }

private:
    Ledger* ledger_ = nullptr;
    std::size_t id_ = 0;
};

/// How many items went into something and came out of it.
struct Tally {
    std::size_t put = 0;
    std::size_t got = 0;
    std::size_t dropped = 0;

    /// Requires: nobody is on the way with an item.
    void check(std::size_t inside) const { FUZZ_REQUIRE(put == got + dropped + inside); }
};

/// While a job puts an item: it is gone if, and only if, that succeeded.
class Giving final {
public:
    Giving(Ledger& ledger, Tally& tally, Item& item) noexcept
        : ledger_(ledger), tally_(tally), item_(item), id_(item.id()) {}
    Giving(const Giving&) = delete;
    Giving& operator=(const Giving&) = delete;
    ~Giving() {
        if (ledger_.torn && !given_ && item_.id() == 0) {
            given();  // its job was destroyed before it could say so
        }
        FUZZ_REQUIRE(item_.id() == (given_ ? 0 : id_));
    }

    void given() {
        given_ = true;
        ledger_.put(id_);
        ++tally_.put;
    }

private:
    Ledger& ledger_;
    Tally& tally_;
    Item& item_;
    std::size_t id_;
    bool given_ = false;
};

inline void got(Ledger& ledger, Tally& tally, const Item& item) {
    FUZZ_REQUIRE(item.id() != 0);
    ledger.got(item.id());
    ++tally.got;
}

}  // namespace eddy::fuzz
