// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/task.hpp>
#include <eddy/testing/memory_stream.hpp>

namespace simulation {

/// Everything that was said in the room in this hour, in its order: what every member must have
/// seen a piece of.
class RoomLog final {
public:
    /// Reads what the room sends, until it ends or this is cancelled.
    eddy::Task<> run(eddy::testing::MemoryStream room);

    /// The number of the next line.
    [[nodiscard]] std::uint64_t next() const noexcept { return first_ + lines_.size(); }
    /// True if these lines stand here one after another, the first of them not before `from`.
    [[nodiscard]] bool contains(std::uint64_t from, const std::vector<std::string>& lines) const;
    /// Somebody says more at once than the room keeps for those who are slow; later, has done so.
    void flood_begins() noexcept { ++floods_, ++flooding_; }
    void flood_ends() noexcept { --flooding_; }
    /// How many floods there have been, and whether there is one now.
    [[nodiscard]] std::uint64_t floods() const noexcept { return floods_; }
    [[nodiscard]] bool flooding() const noexcept { return flooding_ != 0; }

    /// Forgets all of it, and gives the memory back.
    void forget();

private:
    std::deque<std::string> lines_;
    std::uint64_t first_ = 0;  // the number of the oldest that is kept
    std::uint64_t floods_ = 0;
    std::uint64_t flooding_ = 0;
};

}  // namespace simulation
