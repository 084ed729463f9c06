// SPDX-License-Identifier: MIT
#include "heap.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include "engine.hpp"
#include "memory.hpp"
#include "region.hpp"
#include "trace.hpp"

namespace explore {

namespace {
alignas(Heap) std::byte storage[sizeof(Heap)];
}

Heap& heap = reinterpret_cast<Heap&>(storage);

void Heap::clear() {
    states_.assign(Region::heap_size / 8, free_yet);
    all_.clear();
    used_ = 0;
    blocks_ = 0;
}

bool Heap::has(const void* block) const noexcept {
    return Region::in_heap(reinterpret_cast<std::uintptr_t>(block));
}

void* Heap::allocate(std::size_t size, std::size_t alignment) {
    const std::size_t align = std::max<std::size_t>(alignment, 16);
    const std::size_t offset = (used_ + 16 + align - 1) / align * align;
    if (offset + size > Region::heap_size) {
        engine.fail("scenario", "the heap of an execution is too small for it");
    }
    used_ = offset + std::max<std::size_t>(size, 1);
    ++blocks_;
    all_.push_back({offset, size, false});
    std::fill(states_.begin() + static_cast<std::ptrdiff_t>(offset / 8),
              states_.begin() + static_cast<std::ptrdiff_t>((used_ + 7) / 8),
              std::uint8_t{allocated});
    return Region::heap() + offset;
}

void Heap::release(void* block, std::uintptr_t pc) {
    const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(block) - Region::heap());
    const auto found =
        std::lower_bound(all_.begin(), all_.end(), offset, [](const Block& one, std::size_t at) {
            return one.offset < at;
        });
    if (found == all_.end() || found->offset != offset) {
        engine.fail("bad free", "of what was not allocated");
    }
    if (found->freed) {
        engine.fail("double free", "of " + std::to_string(found->size) + " bytes");
    }
    // Whoever else has used it has to be done with that.
    memory.plain(reinterpret_cast<std::uintptr_t>(block), found->size, true, pc);
    found->freed = true;
    --blocks_;
    std::fill(states_.begin() + static_cast<std::ptrdiff_t>(offset / 8),
              states_.begin() + static_cast<std::ptrdiff_t>((offset + found->size + 7) / 8),
              std::uint8_t{freed});
}

void Heap::check(std::uintptr_t address, std::size_t size, std::uintptr_t pc) {
    if (!Region::in_heap(address)) {
        return;
    }
    const std::uintptr_t from = address - reinterpret_cast<std::uintptr_t>(Region::heap());
    for (std::size_t i = from / 8; i <= (from + size - 1) / 8; ++i) {
        if (states_[i] != allocated) {
            Trace::add({engine.current().id, "access", address, 0, pc, -1, false});
            engine.fail(states_[i] == freed ? "use after free" : "bad access",
                        "by T" + std::to_string(engine.current().id) + " at " + Trace::line_of(pc));
        }
    }
}

std::size_t Heap::first_left() const noexcept {
    for (const Block& block : all_) {
        if (!block.freed) {
            return block.size;
        }
    }
    return 0;
}

}  // namespace explore
