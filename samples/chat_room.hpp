// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/net/server.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task_group.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

#include "printable.hpp"

/// The room of chat.cpp, for connections of any kind.
namespace chat_room {

/// What all connections share; outlives the loop they run on.
struct Room {
    eddy::Duration patience;  ///< for how long a client that leaves may take what was said
    eddy::Duration prompt;    ///< and give no name
    std::map<std::string, eddy::Outbox*, std::less<>> members{};

    void say(const eddy::Outbox::Message& line) const {
        for (const auto& [name, outbox] : members) {
            outbox->send(line);  // who is too slow is disconnected
        }
    }
    void say(std::string line) const { say(std::make_shared<const std::string>(std::move(line))); }
};

/// In the room from its construction on; leaves it however its job ends.
class Member {
public:
    Member(Room& room, const std::string& name, eddy::Outbox& outbox)
        : room_(room),
          gone_(std::make_shared<const std::string>("* " + name + " has left\n")),
          place_(room.members.emplace(name, &outbox).first) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member() {
        room_.members.erase(place_);
        room_.say(gone_);  // made while there was memory
    }

private:
    Room& room_;
    eddy::Outbox::Message gone_;
    std::map<std::string, eddy::Outbox*, std::less<>>::iterator place_;
};

/// A name that nobody has; empty if the client gives none in time.
template <class Stream>
eddy::Task<std::string> ask_name(Stream& stream, eddy::BufferedReader<Stream>& reader, Room& room) {
    co_await stream.write_all(std::string_view("your name? "));
    const auto line = co_await reader.read_line(32);
    std::string name = printable(line ? *line : std::string_view());
    if (name.empty() || room.members.contains(name)) {
        co_await stream.write_all(std::string_view("this name is taken, or none\n"));
        name.clear();
    }
    co_return name;
}

inline eddy::Task<> leave_when_draining(eddy::Server& server, eddy::TaskGroup& group) {
    co_await server.wait_draining();
    group.cancel("the server ends");
}

/// What a server does for each connection.
template <eddy::Stream S>
eddy::Task<> chat(S stream, Room& room, eddy::Server& server) {
    eddy::BufferedReader reader(stream);
    const std::string name = co_await eddy::fail_after(room.prompt, ask_name(stream, reader, room));
    if (name.empty()) {
        co_return;
    }
    eddy::StreamOutbox outbox(stream);
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
        const Member member(room, name, outbox);
        room.say("* " + name + " is here\n");
        group.spawn(leave_when_draining(server, group));
        try {
            while (true) {
                const auto line = co_await reader.read_line(1024);
                if (!line) {
                    break;
                }
                room.say(name + ": " + printable(*line) + "\n");
            }
        } catch (const eddy::ClosedResource&) {  // too slow: its outbox has torn the stream
        }
        group.cancel("gone");
    });
    if (!outbox.failure()) {  // it gets what was said while it was here
        static_cast<void>(co_await eddy::move_on_after(room.patience, outbox.shutdown()));
    }
}

}  // namespace chat_room
