// SPDX-License-Identifier: MIT
#include "base/type_name.hpp"

#include <cstddef>
#include <cstring>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#define EDDY_HAS_CXXABI 1
#else
#define EDDY_HAS_CXXABI 0
#endif

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::string_view versioned = "eddy::v0_1::";
static_assert(versioned.ends_with(version_part));

/// How long `text` is without the version.
std::size_t leave_version_out(char* text, std::size_t length) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < length;) {
        if (std::string_view(text + i, length - i).starts_with(versioned)) {
            const std::size_t prefix = versioned.size() - version_part.size();
            std::memmove(text + kept, text + i, prefix);
            kept += prefix;
            i += versioned.size();
        } else {
            text[kept++] = text[i++];
        }
    }
    return kept;
}

}  // namespace

void leave_version_out(std::string& text) noexcept {
    text.resize(leave_version_out(text.data(), text.size()));
}

#if EDDY_HAS_CXXABI
std::unique_ptr<char, FreeMemory> readable_name(const std::type_info& type) noexcept {
    int status = 0;
    std::unique_ptr<char, FreeMemory> name(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status));
    if (name != nullptr) {
        name.get()[leave_version_out(name.get(), std::strlen(name.get()))] = '\0';
    }
    return name;
}

const std::type_info* current_exception_type() noexcept {
    return abi::__cxa_current_exception_type();
}
#else
std::unique_ptr<char, FreeMemory> readable_name(const std::type_info&) noexcept { return nullptr; }

const std::type_info* current_exception_type() noexcept { return nullptr; }
#endif

}  // namespace eddy::inline v0_1::detail
