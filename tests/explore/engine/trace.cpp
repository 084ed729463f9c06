// SPDX-License-Identifier: MIT
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>
#include <vector>

namespace explore {

namespace {

std::vector<Trace::Event> events;

constexpr std::array<const char*, 6> orders{
    "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst"};

/// "x.cpp:12" from "/where/it/is/x.cpp:12 (discriminator 3)".
[[nodiscard]] std::string shortened(std::string line) {
    line.erase(std::min(line.find_first_of(" \n"), line.size()));
    return line.substr(line.rfind('/') + 1);
}

/// The innermost of our own: what is inlined from the standard library says little.
[[nodiscard]] std::string first_of_ours(std::FILE* lines) {
    std::array<char, 1024> text{};
    while (std::fgets(text.data(), static_cast<int>(text.size()), lines) != nullptr) {
        if (std::strstr(text.data(), "/c++/") == nullptr && text[0] != '?') {
            return shortened(text.data());
        }
    }
    return {};
}

}  // namespace

void Trace::clear() noexcept { events.clear(); }

void Trace::add(const Event& event) { events.push_back(event); }

std::string Trace::line_of(std::uintptr_t pc) {
    static std::map<std::uintptr_t, std::string> known;
    const auto found = known.find(pc);
    if (found != known.end()) {
        return found->second;
    }
    Dl_info info{};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is all there is
    if (pc == 0 || dladdr(reinterpret_cast<void*>(pc), &info) == 0) {
        return {};
    }
    std::array<char, 4096> self{};
    if (readlink("/proc/self/exe", self.data(), self.size() - 1) <= 0) {
        return {};
    }
    std::ostringstream command;
    command << "addr2line -i -e '" << self.data() << "' 0x" << std::hex
            << pc - 1 - reinterpret_cast<std::uintptr_t>(info.dli_fbase) << " 2>/dev/null";
    std::string line;
    if (std::FILE* const out = popen(command.str().c_str(), "r")) {
        line = first_of_ours(out);
        pclose(out);
    }
    return known.emplace(pc, line).first->second;
}

void Trace::print() {
    constexpr std::size_t most = 400;  // a livelock has thousands, all alike
    const std::size_t first = events.size() > most ? events.size() - most : 0;
    if (first != 0) {
        std::printf("    ... %zu before\n", first);
    }
    for (auto at = std::next(events.begin(), static_cast<std::ptrdiff_t>(first));
         at != events.end();
         ++at) {
        const Event& event = *at;
        std::printf(
            "    %*sT%zu %s", static_cast<int>(event.thread * 4), "", event.thread, event.what);
        if (event.order >= 0) {
            std::printf("(%s)", orders.at(static_cast<std::size_t>(event.order)));
        }
        if (event.address != 0) {
            std::printf(" @%04jx", static_cast<std::uintmax_t>(event.address & 0xFFFFFU));
        }
        if (event.order >= 0) {
            std::printf(
                " %s%jx", event.stale ? "STALE " : "", static_cast<std::uintmax_t>(event.value));
        }
        std::printf("  %s\n", line_of(event.pc).c_str());
    }
}

}  // namespace explore
