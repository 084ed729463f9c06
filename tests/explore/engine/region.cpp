// SPDX-License-Identifier: MIT
#include "region.hpp"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#include "clock.hpp"

extern "C" char __data_start;  // of the linker's: the program's variables
extern "C" char _end;

namespace explore {

namespace {

constexpr std::size_t size = Region::heap_size + Region::stack_size * max_threads;

std::byte* base = nullptr;
std::uintptr_t first = 0;

}  // namespace

void Region::make() {
    void* const memory = mmap(
        nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("explore: mmap");
        std::abort();
    }
    base = static_cast<std::byte*>(memory);
    first = reinterpret_cast<std::uintptr_t>(memory);
}

std::byte* Region::heap() noexcept { return base; }
std::byte* Region::stack(std::size_t thread) noexcept {
    return base + heap_size + thread * stack_size;
}
bool Region::in_heap(std::uintptr_t address) noexcept { return address - first < heap_size; }
bool Region::has(std::uintptr_t address) noexcept { return address - first < size; }
std::size_t Region::granule(std::uintptr_t address) noexcept { return (address - first) / 8; }
std::size_t Region::granules() noexcept { return size / 8; }
bool Region::in_variables(std::uintptr_t address) noexcept {
    return address >= reinterpret_cast<std::uintptr_t>(&__data_start) &&
           address < reinterpret_cast<std::uintptr_t>(&_end);
}

}  // namespace explore
