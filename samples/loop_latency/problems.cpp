// SPDX-License-Identifier: MIT
#include "problems.hpp"

#include <algorithm>
#include <ostream>

namespace {

constexpr std::size_t most_listed = 10;

constexpr std::array<const char*, 4> counted = {"directories could not be read",
                                                "directory entries could not be looked at",
                                                "files could not be read",
                                                "files changed while they were read"};

/// What is wrong with the file at `index`, by the first way that has something to say.
void check_file(std::span<const Way> ways, Files files, std::size_t index, Problems& problems) {
    const Digest* first = nullptr;
    for (const Way& way : ways) {
        const Digest& digest = way.digests[index];
        if (!digest.problem.empty()) {
            problems.add(Problems::Kind::file, files[index].string() + ": " + digest.problem);
            return;
        }
        if (digest.hex.empty()) {
            continue;  // interrupted
        }
        if (first != nullptr && first->hex != digest.hex) {
            problems.add(Problems::Kind::change,
                         files[index].string() + ": changed while it was read");
            return;
        }
        first = &digest;
    }
}

}  // namespace

bool Problems::empty() const {
    return std::all_of(texts_.begin(), texts_.end(), [](const auto& of) { return of.empty(); });
}

void Problems::print(std::ostream& out, bool all) const {
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        const std::vector<std::string>& texts = texts_[kind];
        if (texts.size() > most_listed && !all) {
            out << "loop_latency: " << texts.size() << " " << counted[kind]
                << " (--verbose lists them), the first: " << texts.front() << "\n";
            continue;
        }
        for (const std::string& text : texts) {
            out << "loop_latency: " << text << "\n";
        }
    }
}

void check_ways(std::span<const Way> ways, Files files, Problems& problems) {
    for (std::size_t index = 0; index < files.size(); ++index) {
        check_file(ways, files, index, problems);
    }
}
