// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <sys/mman.h>

#include "engine.hpp"
#include "heap.hpp"
#include "region.hpp"
#include "trace.hpp"

namespace explore {

namespace {

enum Order : int { relaxed, consume, acquire, release, acq_rel, seq_cst };

[[nodiscard]] bool acquires(int order) noexcept {
    return order == consume || order == acquire || order == acq_rel || order == seq_cst;
}
[[nodiscard]] bool releases(int order) noexcept {
    return order == release || order == acq_rel || order == seq_cst;
}

alignas(Memory) std::byte storage[sizeof(Memory)];

}  // namespace

Memory& memory = reinterpret_cast<Memory&>(storage);

// NOLINTBEGIN(performance-no-int-to-ptr): addresses are what this is about
std::uint64_t read_raw(std::uintptr_t address, std::size_t size) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const void*>(address), size);
    return value;
}
void write_raw(std::uintptr_t address, std::size_t size, std::uint64_t value) noexcept {
    std::memcpy(reinterpret_cast<void*>(address), &value, size);
}
// NOLINTEND(performance-no-int-to-ptr)

Memory::Memory() {
    void* const room = mmap(nullptr,
                            Region::granules() * sizeof(Granule),
                            PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                            -1,
                            0);
    if (room == MAP_FAILED) {
        std::abort();
    }
    granules_ = static_cast<Granule*>(room);  // all zero, which is what an empty one is
}

void Memory::clear() {
    ++execution_;
    places_used_ = details_used_ = 0;
    variables_.clear();
    seq_cst_ = seq_cst_past_ = 0;
    fenced_ = Clock();
}

/// Null: not watched.
Memory::Granule* Memory::granule(std::uintptr_t address) {
    Granule* found = nullptr;
    if (Region::has(address)) {
        found = &granules_[Region::granule(address)];
    } else if (Region::in_variables(address)) {
        found = &variables_[address / 8];
    } else {
        return nullptr;
    }
    if (found->execution != execution_) {
        *found = Granule();
        found->execution = execution_;
    }
    return found;
}

// --- ordinary accesses -------------------------------------------------------------------------

void Memory::race(std::uintptr_t address,
                  const char* mine,
                  const char* other,
                  std::size_t thread,
                  std::uintptr_t pc,
                  std::uintptr_t other_pc) {
    Trace::add({engine.current().id, mine, address, 0, pc, -1, false});
    engine.fail("data race",
                std::string(mine) + " of T" + std::to_string(engine.current().id) + " at " +
                    Trace::line_of(pc) + " and " + other + " of T" + std::to_string(thread) +
                    " at " + Trace::line_of(other_pc) + ": neither happens before the other");
}

void Memory::plain(std::uintptr_t address, std::size_t size, bool write, std::uintptr_t pc) {
    if (size == 0 || ThreadVariables::has(address)) {
        return;
    }
    if (!Region::has(address) && !Region::in_variables(address)) {
        return;
    }
    heap.check(address, size, pc);
    for (std::uintptr_t at = address; at < address + size;) {
        Granule& here = *granule(at);
        if (here.detail == nullptr && at % 8 == 0 && at + 8 <= address + size) {
            touch(here, here.whole, at, write, pc);
            at += 8;
            continue;
        }
        Detail& detail = split(here);
        touch(here, detail.bytes[at % 8], at, write, pc);
        touch_place(detail.places[at % 8], at, write, pc);
        ++at;
    }
}

Memory::Detail& Memory::split(Granule& here) {
    if (here.detail == nullptr) {
        if (details_used_ == details_.size()) {
            details_.push_back(std::make_unique<Detail>());
        }
        here.detail = details_[details_used_++].get();
        std::fill(here.detail->bytes, here.detail->bytes + 8, here.whole);
        std::fill(here.detail->places, here.detail->places + 8, nullptr);
    }
    return *here.detail;
}

void Memory::touch(
    Granule& here, Byte& byte, std::uintptr_t address, bool write, std::uintptr_t pc) {
    const Thread& self = engine.current();
    const Stamp now = self.clock.at[self.id];
    if (write ? byte.writer == self.id && byte.written == now : byte.read.at[self.id] == now) {
        return;  // nobody has come between
    }
    const char* const mine = write ? "write" : "read";
    if (byte.written != 0 && byte.writer != self.id &&
        !self.clock.covers(byte.writer, byte.written)) {
        race(address, mine, "write", byte.writer, pc, here.write_pc);
    }
    if (!write) {
        byte.read.at[self.id] = now;
        here.read_pc = pc;
        return;
    }
    for (std::size_t other = 0; other < max_threads; ++other) {
        if (other != self.id && !self.clock.covers(other, byte.read.at[other])) {
            race(address, mine, "read", other, pc, here.read_pc);
        }
    }
    byte.writer = self.id;
    byte.written = now;
    byte.read = Clock();
    here.write_pc = pc;
}

/// An atomic that is constructed, destroyed, or looked at as if it were none.
void Memory::touch_place(Place*& place, std::uintptr_t address, bool write, std::uintptr_t pc) {
    if (place == nullptr) {
        return;
    }
    const Thread& self = engine.current();
    for (std::size_t other = 0; other < max_threads; ++other) {
        if (other != self.id && (!self.clock.covers(other, place->writes.at[other]) ||
                                 (write && !self.clock.covers(other, place->reads.at[other])))) {
            race(address, write ? "write" : "read", "atomic access", other, pc, place->pcs.back());
        }
    }
    if (write) {
        place = nullptr;
    }
}

// --- atomic ones -------------------------------------------------------------------------------

/// The place of an operation that is about to happen, after the point before it.
Memory::Place& Memory::begin(std::uintptr_t address,
                             std::size_t size,
                             std::uintptr_t pc,
                             bool write) {
    heap.check(address, size, pc);
    const Thread& self = engine.current();
    const bool watched = Region::has(address) || Region::in_variables(address);
    Granule* const here = watched ? granule(address) : &variables_[address / 8];
    Detail& detail = split(*here);
    Place*& place = detail.places[address % 8];
    if (place == nullptr || place->size != size) {
        if (places_used_ == places_.size()) {
            places_.push_back(std::make_unique<Place>());
        }
        place = places_[places_used_++].get();
        place->address = address;
        place->size = size;
        place->stores.clear();
        place->looks.clear();
        place->seen.assign(max_threads, 0);
        place->reads = place->writes = Clock();
        place->pcs.clear();
        place->users = 0;
        const Byte& byte = detail.bytes[address % 8];
        place->stores.push_back(
            {read_raw(address, size), byte.writer, byte.written, 0, 0, Clock()});
    }
    for (std::uintptr_t at = address; watched && at < address + size; ++at) {
        const Byte& byte = detail.bytes[at % 8];
        if (byte.written != 0 && byte.writer != self.id &&
            !self.clock.covers(byte.writer, byte.written)) {
            race(at, "atomic access", "write", byte.writer, pc, here->write_pc);
        }
        for (std::size_t other = 0; write && other < max_threads; ++other) {
            if (other != self.id && !self.clock.covers(other, byte.read.at[other])) {
                race(at, "atomic write", "read", other, pc, here->read_pc);
            }
        }
    }
    if (place->stores.back().value != read_raw(address, size)) {
        // By code that is not watched.
        push(*place, read_raw(address, size), seq_cst, nullptr);
    }
    engine.tick();
    place->users |= 1U << self.id;
    if (std::find(place->pcs.begin(), place->pcs.end(), pc) == place->pcs.end()) {
        place->pcs.push_back(pc);
    } else {
        std::swap(*std::find(place->pcs.begin(), place->pcs.end(), pc), place->pcs.back());
    }
    return *place;
}

/// The current thread comes next in the order of all that is sequentially consistent.
void Memory::one_order() noexcept {
    engine.happened(seq_cst_past_);
    seq_cst_past_ = engine.current().past;
}

/// The current thread has seen that store.
void Memory::look(Place& place, std::size_t store, int order) {
    Thread& self = engine.current();
    place.reads.at[self.id] = self.clock.at[self.id];
    if (store > place.seen[self.id] || place.looks.empty()) {
        place.looks.push_back({self.id, self.clock.at[self.id], store});
        place.seen[self.id] = store;
    }
    engine.happened(place.stores[store].past);
    const Clock& released = place.stores[store].released;
    self.seen_relaxed.join(released);
    if (acquires(order)) {
        self.clock.join(released);
    }
}

void Memory::push(Place& place, std::uint64_t value, int order, const Clock* sequence) {
    Thread& self = engine.current();
    engine.happened(place.stores.back().past);
    Store made{value, self.id, self.clock.at[self.id], 0, self.past, self.released};
    if (order == seq_cst) {
        made.seq_cst = ++seq_cst_;
        one_order();
    }
    if (releases(order)) {
        made.released = self.clock;
    }
    if (sequence != nullptr) {
        made.released.join(*sequence);
    }
    place.stores.push_back(made);
    place.seen[self.id] = place.stores.size() - 1;
    place.writes.at[self.id] = self.clock.at[self.id];
    engine.tick();  // what comes from now on is not released by it
}

/// A load may not see what is older than this store, because of the single order of all
/// sequentially consistent operations: that of the execution. Orders nothing else.
bool Memory::is_before(const Store& store, const Thread& self, int order) const noexcept {
    const std::uint64_t now = order == seq_cst ? seq_cst_ + 1 : self.fence;
    const Clock& fenced = order == seq_cst ? fenced_ : self.fenced;
    return (store.seq_cst != 0 && store.seq_cst < now) || fenced.covers(store.thread, store.stamp);
}

std::uint64_t Memory::load(std::uintptr_t address, std::size_t size, int order, std::uintptr_t pc) {
    Place& place = begin(address, size, pc, false);
    const Thread& self = engine.current();
    const std::size_t newest = place.stores.size() - 1;
    std::size_t oldest = newest;
    if (engine.may_surprise()) {
        oldest = place.seen[self.id];
        for (std::size_t i = newest; i > oldest; --i) {
            const Store& store = place.stores[i];
            if (self.clock.covers(store.thread, store.stamp) || is_before(store, self, order)) {
                oldest = i;
            }
        }
        for (const Look& look : place.looks) {  // nobody goes back behind what he knows of
            if (self.clock.covers(look.thread, look.stamp)) {
                oldest = std::max(oldest, look.store);
            }
        }
    }
    if (order == seq_cst) {
        one_order();
    }
    const std::size_t age = engine.choose(newest - oldest + 1, 5);
    if (age != 0) {
        engine.surprise();
    }
    const std::size_t store = newest - age;
    look(place, store, order);
    const std::uint64_t value = place.stores[store].value;
    Trace::add({self.id, "load", address, value, pc, order, age != 0});
    return value;
}

void Memory::store(
    std::uintptr_t address, std::size_t size, std::uint64_t value, int order, std::uintptr_t pc) {
    Place& place = begin(address, size, pc, true);
    push(place, value, order, nullptr);
    write_raw(address, size, value);
    Trace::add({engine.current().id, "store", address, value, pc, order, false});
}

void Memory::end_modify(Place& place,
                        bool changed,
                        std::uint64_t value,
                        int order,
                        std::uintptr_t pc,
                        const char* what) {
    const std::size_t newest = place.stores.size() - 1;
    look(place, newest, order);
    if (changed) {
        const Clock sequence = place.stores[newest].released;
        push(place, value, order, &sequence);
        write_raw(place.address, place.size, value);
    }
    Trace::add({engine.current().id,
                changed ? what : "cas fails",
                place.address,
                value,
                pc,
                order,
                false});
}

void Memory::fence(int order) {
    Thread& self = engine.current();
    engine.happened(static_cast<std::uint64_t>(order));
    engine.tick();
    if (acquires(order)) {
        self.clock.join(self.seen_relaxed);
    }
    if (order == seq_cst) {
        fenced_.at[self.id] = self.clock.at[self.id];
        self.fence = ++seq_cst_;
        one_order();
        self.fenced = fenced_;
    }
    if (releases(order)) {
        self.released = self.clock;
    }
    engine.tick();
}

// --- which points are needed -------------------------------------------------------------------

bool Memory::learn() {
    bool news = false;
    for (std::size_t i = 0; i < places_used_; ++i) {
        const Place& place = *places_[i];
        const bool several = (place.users & (place.users - 1)) != 0;
        if (several && place.stores.size() > 1) {
            for (const std::uintptr_t pc : place.pcs) {
                news = shared_.insert(pc).second || news;
            }
        }
    }
    return news;
}

}  // namespace explore
