// SPDX-License-Identifier: MIT
#include "findings.hpp"

#include <cstddef>

#include <eddy/time.hpp>

namespace simulation {

namespace {

constexpr std::size_t kept = 40;

std::string moment() {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now().time_since_epoch());
    return std::to_string(milliseconds.count() / 1000) + "." +
           std::to_string(milliseconds.count() % 1000 + 1000).substr(1) + " s: ";
}

}  // namespace

void Findings::expect(bool holds, std::string_view what) {
    if (holds) {
        return;
    }
    ++count_;
    if (texts_.size() < kept) {
        texts_.push_back(moment() + std::string(what));
    }
}

void Findings::happened(std::string_view what, std::uint64_t number) {
    ++events_;
    mix(static_cast<std::uint64_t>(eddy::now().time_since_epoch().count()));
    mix(number);
    for (const char c : what) {
        mix(static_cast<unsigned char>(c));
    }
}

void Findings::mix(std::uint64_t number) noexcept {
    for (int i = 0; i < 8; ++i) {  // FNV-1a
        hash_ = (hash_ ^ (number & 0xffU)) * 0x100000001b3U;
        number >>= 8U;
    }
}

}  // namespace simulation
