// SPDX-License-Identifier: MIT
#include "region.hpp"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

extern "C" char __data_start;  // of the linker's: the program's variables
extern "C" char _end;

namespace explore {

void Region::make() {
    void* const memory = mmap(
        nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("explore: mmap");
        std::abort();
    }
    base_ = static_cast<std::byte*>(memory);
    first_ = reinterpret_cast<std::uintptr_t>(memory);
}

bool Region::in_variables(std::uintptr_t address) noexcept {
    return address >= reinterpret_cast<std::uintptr_t>(&__data_start) &&
           address < reinterpret_cast<std::uintptr_t>(&_end);
}

}  // namespace explore
