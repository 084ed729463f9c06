// SPDX-License-Identifier: MIT
#include "trace.hpp"

#include <chrono>

#include <eddy/time.hpp>

namespace scenarios {

namespace {

std::string moment() {
    const auto passed = eddy::now().time_since_epoch();
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(passed);
    return std::to_string(whole.count()) + (whole == passed ? "" : "+");
}

}  // namespace

void Trace::note(std::string_view who, std::string_view what) {
    std::string& line = lines_[std::string(who)];
    line += (line.empty() ? " " : ", ") + moment() + " " + std::string(what);
}

std::string Trace::text() const {
    std::string all;
    for (const auto& [who, line] : lines_) {
        all += who + ":" + line + "\n";
    }
    return all;
}

std::uint64_t Trace::hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return hash;
}

}  // namespace scenarios
