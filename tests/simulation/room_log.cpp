// SPDX-License-Identifier: MIT
#include "room_log.hpp"

#include <algorithm>
#include <utility>

#include <eddy/net/buffered_reader.hpp>

namespace simulation {

eddy::Task<> RoomLog::run(eddy::testing::MemoryStream room) {
    eddy::BufferedReader reader(room);
    while (true) {
        const auto line = co_await reader.read_line();
        if (!line) {
            break;
        }
        lines_.push_back(std::string(*line) + "\n");
    }
}

bool RoomLog::contains(std::uint64_t from, const std::vector<std::string>& lines) const {
    if (lines.empty()) {
        return true;
    }
    const auto skipped = static_cast<std::ptrdiff_t>(std::max(from, first_) - first_);
    const auto begin = lines_.begin() + skipped;
    return std::search(begin, lines_.end(), lines.begin(), lines.end()) != lines_.end();
}

void RoomLog::forget() {
    first_ = next();
    std::deque<std::string>().swap(lines_);
}

}  // namespace simulation
