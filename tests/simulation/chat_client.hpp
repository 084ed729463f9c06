// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/task_group.hpp>

#include "chance.hpp"
#include "findings.hpp"
#include "network.hpp"
#include "room_log.hpp"
#include "service.hpp"

namespace simulation {

/// Joins the chat room for a while. What it sees is a piece of what was said, without a gap and in
/// order; it sees its own lines; and it is dropped when it is due, at its time.
class ChatClient final {
public:
    ChatClient(std::string name,
               Chance chance,
               Network& network,
               Service& service,
               RoomLog& log,
               Findings& findings);

    /// One connection, from its beginning to its end.
    Task<> session();
    /// Gives back what memory the last one took.
    void rest() { std::vector<std::string>().swap(seen_); }

    [[nodiscard]] std::uint64_t lines_seen() const noexcept { return lines_seen_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

private:
    /// How it behaves: as one should, with no name, with one that is none, reading nothing, or
    /// reading too little while it has a lot to say.
    enum class Manner : std::uint8_t { good, mute, nameless, deaf, flooding };
    using Reader = eddy::BufferedReader<MemoryStream&>;

    Task<> visit(MemoryStream& stream);
    Task<> be_mute(MemoryStream& stream);
    Task<> be_nameless(MemoryStream& stream);
    Task<> be_deaf(MemoryStream& stream);
    Task<> take_part(MemoryStream& stream);
    Task<> listen(Reader& reader, eddy::TaskGroup& group);
    Task<> speak(MemoryStream& stream, eddy::TaskGroup& group);
    Task<> read_to_the_end(MemoryStream& stream);

    std::string name_;
    Chance chance_;
    Network& network_;
    Service& service_;
    RoomLog& log_;
    Findings& findings_;
    // Of the session.
    WireFaults faults_;
    Weather weather_ = Weather::clear;
    Manner manner_ = Manner::good;
    std::uint64_t drains_before_ = 0;
    std::uint64_t first_line_ = 0;
    std::uint64_t floods_before_ = 0;
    bool may_be_too_slow_ = false;
    bool error_is_due_ = false;
    bool leaving_ = false;
    std::uint64_t said_ = 0;
    std::uint64_t heard_of_own_ = 0;
    std::vector<std::string> seen_;
    std::uint64_t lines_seen_ = 0;
    std::uint64_t dropped_ = 0;
    std::uint64_t errors_ = 0;
};

}  // namespace simulation
