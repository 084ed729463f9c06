// SPDX-License-Identifier: MIT
// A chat room: lines over TCP, everybody reads what everybody writes.
//
// What is said goes to one `Broadcast`, which never waits for anybody: it keeps the last 1024 lines
// for those who lag behind. A client that is further behind, takes nothing for a while, does not
// say its name soon, or is not heard of for ten minutes in a silent room, is dropped; the others do
// not notice. Only what can be shown is passed on. Try it with two of `nc 127.0.0.1 PORT`.
#include <charconv>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/broadcast.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"
#include "printable.hpp"

using namespace std::chrono_literals;

namespace {

using Stream = eddy::TimedStream<eddy::TcpStream>;
using Reader = eddy::BufferedReader<Stream>;
using Lines = eddy::BroadcastReceiver<std::string>;

constexpr std::string_view usage =
    "usage: chat [ADDRESS:PORT [PATIENCE [PROMPT]]]\n"
    "Port 0 picks one; it is printed. A client that takes nothing for PATIENCE milliseconds, 5000\n"
    "unless said otherwise, is dropped, and one that gives no name within PROMPT, 10000.\n";

struct Room {
    eddy::Duration patience;
    eddy::Duration prompt;
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
eddy::Task<std::string> ask_name(Stream& stream, Reader& reader, Room& room) {
    co_await stream.write_all(std::string_view("your name? "));
    const auto line = co_await reader.read_line(32);
    std::string name = printable(line ? *line : std::string_view());
    if (name.empty() || room.names.contains(name)) {
        co_await stream.write_all(std::string_view("this name is taken, or none\n"));
        name.clear();
    }
    co_return name;
}

eddy::Task<> show(Stream& stream, Lines lines, eddy::TaskGroup& group) {
    while (true) {
        const auto line = co_await lines.receive();
        if (line.missed != 0) {
            break;  // too slow: somebody else would have to wait
        }
        co_await stream.write_all(std::string_view(line.value));
    }
    group.cancel("too slow");
}

eddy::Task<> leave_when_draining(eddy::Server& server, eddy::TaskGroup& group) {
    co_await server.wait_draining();
    group.cancel("the server ends");
}

eddy::Task<> chat(eddy::TcpStream connection, Room& room, eddy::Server& server) {
    Stream stream(std::move(connection), {.writing = {.bytes = 1, .per = room.patience}});
    Reader reader(stream);
    const std::string name = co_await eddy::fail_after(room.prompt, ask_name(stream, reader, room));
    if (name.empty()) {
        co_return;
    }
    const Lines lines = room.lines.subscribe();
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

eddy::Task<> run_chat(eddy::Address address, eddy::Server& server, Room& room) {
    eddy::TcpListener listener = eddy::TcpListener::listen(address);
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::serve_until_signal(server, listener, chat, std::ref(room), std::ref(server));
}

/// Zero for what is no number.
unsigned number_from(std::string_view text) {
    unsigned number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    return parsed.ptr == text.data() + text.size() ? number : 0;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view place = count > 1 ? arguments[1] : "127.0.0.1:0";
    const unsigned patience = number_from(count > 2 ? arguments[2] : "5000");
    const auto address = eddy::Address::try_parse(place);
    const unsigned prompt = number_from(count > 3 ? arguments[3] : "10000");
    if (count > 4 || !address || patience == 0 || prompt == 0) {
        const bool asked = place == "--help";
        (asked ? std::cout : std::cerr) << usage;
        return finished(asked ? 0 : 2);
    }
    // Before the loop: connections refer to both.
    Room room{.patience = std::chrono::milliseconds(patience),
              .prompt = std::chrono::milliseconds(prompt)};
    eddy::Server server({.max_connections = 500, .drain = 2s, .silence = 10min});
    return finished(eddy::run_main(run_chat(*address, server, room)));
}
