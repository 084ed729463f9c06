// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/broadcast.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/task_group.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "printable.hpp"

/// The room of chat.cpp, for connections of any kind.
namespace chat_room {

/// What all connections share; outlives the loop they run on.
struct Room {
    eddy::Duration patience;  ///< for how long a client may take nothing
    eddy::Duration prompt;    ///< and give no name
    eddy::Broadcast<std::string> lines{1024};
    std::set<std::string, std::less<>> names{};
};

/// In the room from its construction on; leaves it however its job ends.
class Member {
public:
    Member(Room& room, std::string_view name)
        : room_(room),
          here_("* " + std::string(name) + " is here\n"),
          gone_("* " + std::string(name) + " has left\n"),
          name_(room.names.emplace(name).first) {
        room.lines.try_send(std::move(here_));
    }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member() {
        room_.names.erase(name_);
        room_.lines.try_send(std::move(gone_));
    }
    void say(std::string_view line) { room_.lines.send(*name_ + ": " + std::string(line) + "\n"); }

private:
    Room& room_;
    std::string here_;
    std::string gone_;  // made while there is memory
    std::set<std::string, std::less<>>::iterator name_;
};

/// A name that nobody has; empty if the client gives none in time.
template <class Stream>
eddy::Task<std::string> ask_name(Stream& stream, eddy::BufferedReader<Stream>& reader, Room& room) {
    co_await stream.write_all(std::string_view("your name? "));
    const auto line = co_await reader.read_line(32);
    std::string name = printable(line ? *line : std::string_view());
    if (name.empty() || room.names.contains(name)) {
        co_await stream.write_all(std::string_view("this name is taken, or none\n"));
        name.clear();
    }
    co_return name;
}

template <class Stream>
eddy::Task<> show(Stream& stream,
                  eddy::BroadcastReceiver<std::string> lines,
                  eddy::TaskGroup& group) {
    while (true) {
        const auto line = co_await lines.receive();
        if (line.missed != 0) {
            break;  // too slow: somebody else would have to wait
        }
        co_await stream.write_all(std::string_view(line.value));
    }
    group.cancel("too slow");
}

inline eddy::Task<> leave_when_draining(eddy::Server& server, eddy::TaskGroup& group) {
    co_await server.wait_draining();
    group.cancel("the server ends");
}

/// What a server does for each connection.
template <eddy::Stream S>
eddy::Task<> chat(S connection, Room& room, eddy::Server& server) {
    eddy::TimedStream stream(std::move(connection),
                             {.writing = {.bytes = 1, .per = room.patience}});
    eddy::BufferedReader reader(stream);
    const std::string name = co_await eddy::fail_after(room.prompt, ask_name(stream, reader, room));
    if (name.empty()) {
        co_return;
    }
    const auto lines = room.lines.subscribe();
    Member member(room, name);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(show(stream, lines, group));
        group.spawn(leave_when_draining(server, group));
        while (true) {
            const auto line = co_await reader.read_line(1024);
            if (!line) {
                break;
            }
            member.say(printable(*line));
        }
        group.cancel("gone");
    });
}

}  // namespace chat_room
