// SPDX-License-Identifier: MIT
#include "thread.hpp"

#include <cstring>
#include <cxxabi.h>
#include <link.h>

namespace explore {

namespace {

std::byte* live = nullptr;
std::size_t size = 0;
const std::byte* image = nullptr;
std::size_t image_size = 0;

int look_at(dl_phdr_info* info, std::size_t, void*) {
    for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_TLS && info->dlpi_tls_data != nullptr) {
            live = static_cast<std::byte*>(info->dlpi_tls_data);
            size = header.p_memsz;
            // NOLINTNEXTLINE(performance-no-int-to-ptr): what the loader says
            image = reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr);
            image_size = header.p_filesz;
        }
    }
    return 1;  // the program is the first one
}

}  // namespace

void ThreadVariables::find() { dl_iterate_phdr(look_at, nullptr); }

bool ThreadVariables::has(std::uintptr_t address) noexcept {
    return address - reinterpret_cast<std::uintptr_t>(live) < size;
}

void ThreadVariables::fresh(Thread& thread) {
    thread.variables.assign(size, std::byte{0});
    if (image_size != 0) {
        std::memcpy(thread.variables.data(), image, image_size);
    }
    thread.exceptions[0] = thread.exceptions[1] = nullptr;
}

void ThreadVariables::save(Thread& thread) {
    if (size != 0) {
        std::memcpy(thread.variables.data(), live, size);
    }
    std::memcpy(thread.exceptions, abi::__cxa_get_globals(), sizeof(thread.exceptions));
}

void ThreadVariables::put(const Thread& thread) {
    if (size != 0) {
        std::memcpy(live, thread.variables.data(), size);
    }
    std::memcpy(abi::__cxa_get_globals(), thread.exceptions, sizeof(thread.exceptions));
}

}  // namespace explore
