// SPDX-License-Identifier: MIT
// A chat room: lines over TCP, everybody reads what everybody writes (chat_room.hpp).
//
// What is said goes to the `Outbox` of each client, which never waits for it. A client that is more
// than 1024 lines or 256 KiB behind, does not say its name soon, or neither says nor takes anything
// for ten minutes, is dropped; the others do not notice. Only what can be shown is passed on. Try
// it with two of `nc 127.0.0.1 PORT`.
#include <charconv>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>

#include "chat_room.hpp"
#include "finished.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: chat [ADDRESS:PORT [PATIENCE [PROMPT]]]\n"
    "Port 0 picks one; it is printed. A client that leaves has PATIENCE milliseconds, 5000 unless\n"
    "said otherwise, to take what was said; one that comes has PROMPT, 10000, to give a name.\n";

eddy::Task<> run_chat(eddy::Address address, eddy::Server& server, chat_room::Room& room) {
    eddy::TcpListener listener = eddy::TcpListener::listen(address);
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::serve_until_signal(
        server, listener, chat_room::chat<eddy::TcpStream>, std::ref(room), std::ref(server));
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
    chat_room::Room room{.patience = std::chrono::milliseconds(patience),
                         .prompt = std::chrono::milliseconds(prompt)};
    eddy::Server server({.max_connections = 500, .drain = 2s, .silence = 10min});
    return finished(eddy::run_main(run_chat(*address, server, room)));
}
