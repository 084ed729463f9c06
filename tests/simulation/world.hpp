// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <eddy/time.hpp>

#include "chat_room.hpp"
#include "item_ledger.hpp"
#include "resp_server/client.hpp"
#include "service.hpp"

namespace simulation {

/// How the room's connections are handled.
using ChatHandler = std::function<Task<>(MemoryStream, chat_room::Room&, eddy::Server&)>;

/// And those of the server of the Redis protocol.
using RespHandler = std::function<Task<>(MemoryStream, ItemLedger&, resp::Service&, eddy::Server&)>;

/// What is simulated: by default the services of the samples; a test gives others, with mistakes.
struct WorldOptions {
    std::uint64_t seed = 1;
    unsigned hours = 1;
    std::size_t clients = 100;
    Handler echo = nullptr;      ///< null: that of samples/echo.hpp
    ChatHandler chat = nullptr;  ///< null: that of samples/chat_room.hpp
    RespHandler resp = nullptr;  ///< null: that of samples/resp_server/session.hpp
};

struct WorldReport {
    std::vector<std::string> findings;  ///< the first of them
    std::uint64_t finding_count = 0;
    std::uint64_t hash = 0;  ///< of all that happened; the same for the same options and build
    std::uint64_t events = 0;
    std::uint64_t sessions = 0;
    std::uint64_t bytes = 0;  ///< that have arrived on some wire
    std::uint64_t echoed = 0;
    std::uint64_t lines_seen = 0;
    std::uint64_t items = 0;       ///< that were made for lists
    std::uint64_t pops = 0;        ///< of them, that came to somebody
    std::uint64_t lost_items = 0;  ///< with the connection that they were written to
    std::uint64_t errors = 0;      ///< that clients got
    std::uint64_t dropped = 0;     ///< chat clients, by the room
    std::uint64_t drains = 0;
    std::uint64_t failures = 0;        ///< of handlers, each of them reported
    std::vector<std::ptrdiff_t> heap;  ///< bytes that live at the end of each hour
};

/// Runs it all on a virtual clock, in random order of ready jobs, until its hours are over.
[[nodiscard]] WorldReport simulate(const WorldOptions& options);

}  // namespace simulation
