// SPDX-License-Identifier: MIT
#include "room_log.hpp"

#include <algorithm>
#include <utility>

namespace simulation {

eddy::Task<> RoomLog::run(eddy::BroadcastReceiver<std::string> lines) {
    while (true) {
        auto line = co_await lines.receive();
        findings_.expect(line.missed == 0, "the room's log has missed lines");
        lines_.push_back(std::move(line.value));
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
