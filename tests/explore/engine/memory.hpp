// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "clock.hpp"
#include "thread.hpp"

namespace explore {

/// What each place in the watched memory has been through in this execution.
///
/// Ordinary accesses of two threads, of which one writes, have to be ordered by what happened
/// before; else they are a data race. Atomic places keep all their stores: a load may see an older
/// one than the newest, if neither coherence nor what happened before forbids it, and acquires what
/// the store it sees has released.
class Memory {
public:
    Memory();

    void clear();

    void plain(std::uintptr_t address, std::size_t size, bool write, std::uintptr_t pc);

    [[nodiscard]] std::uint64_t load(std::uintptr_t address,
                                     std::size_t size,
                                     int order,
                                     std::uintptr_t pc);
    void store(std::uintptr_t address,
               std::size_t size,
               std::uint64_t value,
               int order,
               std::uintptr_t pc);
    /// Reads the newest and, if `change(old, value)` says so, writes `value`. Returns the old one.
    template <class Change>
    std::uint64_t modify(std::uintptr_t address,
                         std::size_t size,
                         int order,
                         int failure_order,
                         std::uintptr_t pc,
                         const char* what,
                         Change change) {
        Place& place = begin(address, size, pc, true);
        const std::uint64_t old = place.stores.back().value;
        std::uint64_t value = old;
        const bool changed = change(old, value);
        end_modify(place, changed, value, changed ? order : failure_order, pc, what);
        return old;
    }
    void fence(int order);

    /// The operation at `pc` has met a place that several threads use, one of them writing.
    [[nodiscard]] bool is_shared(std::uintptr_t pc) const noexcept {
        return shared_.count(pc) != 0;
    }
    /// After an execution. True: operations were left out as points that should not have been.
    [[nodiscard]] bool learn();
    void forget_shared() { shared_.clear(); }

private:
    struct Store {
        std::uint64_t value;
        std::size_t thread;
        Stamp stamp;
        std::uint64_t seq_cst;  // its place among what is sequentially consistent; 0: it is not
        std::uint64_t past;     // what has led to it
        Clock released;         // what who acquires it sees
    };
    struct Look {
        std::size_t thread;
        Stamp stamp;
        std::size_t store;
    };
    struct Place {
        std::uintptr_t address = 0;
        std::size_t size = 0;
        std::vector<Store> stores;  // in modification order, which is the order of execution
        std::vector<Look> looks;    // the first of each thread at each store
        std::vector<std::size_t> seen;
        Clock reads;
        Clock writes;
        std::vector<std::uintptr_t> pcs;
        unsigned users = 0;  // bits: threads
    };
    struct Byte {
        std::size_t writer = 0;
        Stamp written = 0;
        Clock read;
    };
    /// Of a granule that was not always accessed as a whole.
    struct Detail {
        Byte bytes[8];
        Place* places[8]{};
    };
    struct Granule {
        std::uint32_t execution = 0;
        Byte whole;
        std::uintptr_t write_pc = 0;
        std::uintptr_t read_pc = 0;
        Detail* detail = nullptr;  // then `whole` means nothing
    };

    [[nodiscard]] Granule* granule(std::uintptr_t address);
    Detail& split(Granule& here);
    void touch(Granule& here, Byte& byte, std::uintptr_t address, bool write, std::uintptr_t pc);
    void touch_place(Place*& place, std::uintptr_t address, bool write, std::uintptr_t pc);
    Place& begin(std::uintptr_t address, std::size_t size, std::uintptr_t pc, bool write);
    void end_modify(Place& place,
                    bool changed,
                    std::uint64_t value,
                    int order,
                    std::uintptr_t pc,
                    const char* what);
    void one_order() noexcept;
    void look(Place& place, std::size_t store, int order);
    [[nodiscard]] bool is_before(const Store& store, const Thread& self, int order) const noexcept;
    void push(Place& place, std::uint64_t value, int order, const Clock* sequence);
    [[noreturn]] void race(std::uintptr_t address,
                           const char* mine,
                           const char* other,
                           std::size_t thread,
                           std::uintptr_t pc,
                           std::uintptr_t other_pc);

    std::uint32_t execution_ = 0;
    Granule* granules_ = nullptr;
    std::unordered_map<std::uintptr_t, Granule> variables_;
    std::vector<std::unique_ptr<Place>> places_;
    std::size_t places_used_ = 0;
    std::vector<std::unique_ptr<Detail>> details_;
    std::size_t details_used_ = 0;
    std::uint64_t seq_cst_ = 0;  // so many sequentially consistent operations
    std::uint64_t seq_cst_past_ = 0;
    Clock fenced_;  // of each thread, what came before its last seq_cst fence
    std::unordered_set<std::uintptr_t> shared_;
};

extern Memory& memory;

[[nodiscard]] std::uint64_t read_raw(std::uintptr_t address, std::size_t size) noexcept;
void write_raw(std::uintptr_t address, std::size_t size, std::uint64_t value) noexcept;

}  // namespace explore
