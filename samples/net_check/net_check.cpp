// SPDX-License-Identifier: MIT
// net_check <folder of the samples> tiny_echo|echo_server|chat|proxy: plays the clients of a
// sample.
#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "peers.hpp"

namespace {

using net_check::check;
using net_check::Client;
using net_check::Program;

void check_help(const std::string& program) {
    Program help({program, "--help"});
    check(help.exit_code() == 0, "--help is a success");
    Program wrong({program, "nowhere", "x", "y", "z"});
    check(wrong.exit_code() == 2, "nonsense is not");
}

void check_echo(const std::string& folder) {
    check_help(folder + "/echo_server");
    Program server({folder + "/echo_server", "127.0.0.1:0"});
    const std::uint16_t port = server.port();
    Client first(port);
    Client second(port);
    first.send("one");
    second.send(std::string(100'000, 'x'));
    check(first.receive(3) == "one", "what was sent comes back");
    check(second.receive(100'000) == std::string(100'000, 'x'), "and so does much");
    second.end();
    check(second.ended(), "a half-close is answered by the end");

    server.signal(SIGTERM);
    check(server.line() == "draining", "SIGTERM drains");
    first.send("two");
    check(first.receive(3) == "two", "a connection goes on while the server drains");
    check(!Client(port).connected(), "nobody new is accepted");
    first.end();
    check(first.ended(), "it ends when its client ends");
    check(server.line() == "2 connections, 2 completed, 0 failed, 0 cancelled", "the statistics");
    check(server.exit_code() == 0, "draining is a success");

    Program impatient({folder + "/echo_server"});
    Client open(impatient.port());
    open.send("x");
    check(open.receive(1) == "x", "it is served");
    impatient.signal(SIGINT);
    check(impatient.line() == "draining", "SIGINT drains too");
    impatient.signal(SIGINT);
    check(open.ended(), "a second signal ends the connections");
    check(impatient.line() == "1 connections, 0 completed, 0 failed, 1 cancelled", "and says so");
    check(impatient.exit_code() == 0, "and the program");
}

/// A thousand that say nothing hold their places no longer than they may.
void check_silent(const std::string& folder) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;  // the server has them too
    setrlimit(RLIMIT_NOFILE, &files);
    const std::size_t crowd = files.rlim_cur > 1100 ? 999 : 500;
    Program server({folder + "/echo_server", "127.0.0.1:0", "1000"});
    const std::uint16_t port = server.port();
    Client lively(port);
    std::vector<std::unique_ptr<Client>> silent;
    for (std::size_t i = 0; i < crowd; ++i) {
        silent.push_back(std::make_unique<Client>(port));
        check(silent.back()->connected(), "it is accepted");
    }
    for (const auto& client : silent) {
        do {
            lively.send("x");
            check(lively.receive(1) == "x", "who speaks is served all the while");
        } while (!client->hears_within(50));
        check(client->ended(), "who says nothing is ended");
    }
    server.signal(SIGTERM);
    check(server.line() == "draining", "it drains");
    lively.end();
    const std::string line = server.line();
    check(line.starts_with(std::to_string(crowd + 1) + " connections, "), "the count: " + line);
    check(line.ends_with(", 0 cancelled"), "and nobody was cancelled: " + line);
    check(server.exit_code() == 0, "draining is a success");
}

void check_tiny(const std::string& folder) {
    Program server({folder + "/tiny_echo"});
    Client client(server.port());
    client.send("hello");
    check(client.receive(5) == "hello", "what was sent comes back");
    server.signal(SIGTERM);
    check(client.ended(), "SIGTERM ends it");
    check(server.exit_code() == 0, "in good order");
}

void join(Client& client, std::string_view name) {
    client.until("your name? ");
    client.send(std::string(name) + "\r\n");
    client.until("* " + std::string(name) + " is here\n");
}

/// What goes to other people's terminals; and who gives no name.
void check_chat_manners(const std::string& folder) {
    Program server({folder + "/chat", "127.0.0.1:0", "5000", "300"});
    const std::uint16_t port = server.port();
    Client silent(port);
    silent.until("your name? ");
    check(silent.ended(), "who gives no name is dropped");
    Client empty(port);
    empty.until("your name? ");
    empty.send("\x1b\x7f\n");
    empty.until("this name is taken, or none\n");
    Client ann(port);
    ann.until("your name? ");
    ann.send("a\x1bn\u009bn\n");
    ann.until("* ann is here\n");
    ann.send(std::string("\x1b]0;title\x07 gr\u00fc\u00df \u2713\x1b[2J\r") + '\0' +
             "\xff\xc0\xaf\xed\xa0\x80\x9b!\n");
    const std::string line = ann.until("\n");
    check(line == "ann: ]0;title gr\u00fc\u00df \u2713[2J!\n",
          "letters pass, and no more: " + line);
    server.signal(SIGTERM);
    check(ann.ended(), "it ends");
    check(server.exit_code() == 0, "draining is a success");
}

void check_chat(const std::string& folder) {
    check_help(folder + "/chat");
    Program server({folder + "/chat", "127.0.0.1:0", "250"});
    const std::uint16_t port = server.port();
    Client ann(port);
    Client bob(port);
    join(ann, "ann");
    join(bob, "bob");
    ann.until("* bob is here\n");
    ann.send("hello\nall\r\n");
    check(bob.until("all\n") == "ann: hello\nann: all\n", "lines come with a name, in order");
    {
        Client impostor(port);
        impostor.until("your name? ");
        impostor.send("ann\n");
        impostor.until("this name is taken, or none\n");
        check(impostor.ended(), "one name, one client");
    }
    Client slow(port);
    join(slow, "slow");  // and reads no more
    bob.until("* slow is here\n");
    const std::string line(1000, 'x');
    bool dropped = false;
    while (!dropped) {  // once the sockets hold no more, and its time is up
        ann.send(line + "\n");
        ann.until(line + "\n");
        dropped = bob.until(line + "\n").find("* slow has left\n") != std::string::npos;
    }
    ann.send("still here\n");
    bob.until("ann: still here\n");
    ann.end();
    bob.until("* ann has left\n");
    server.signal(SIGTERM);
    check(bob.ended(), "the end of the server is the end of its connections");
    check(server.exit_code() == 0, "draining is a success");
}

void check_proxy(const std::string& folder) {
    check_help(folder + "/proxy");
    Program server({folder + "/echo_server", "127.0.0.1:0"});
    const std::uint16_t port = server.port();
    Program proxy({folder + "/proxy", "127.0.0.1:0", "127.0.0.1", std::to_string(port)});
    const std::uint16_t front = proxy.port();
    {
        Client client(front);
        client.send(std::string(300'000, 'x'));
        check(client.receive(300'000) == std::string(300'000, 'x'), "it passes both ways");
        client.send("last words");
        client.end();
        check(client.receive(100) == "last words", "a half-close does not cut the answer off");
        check(client.ended(), "and the end comes back");
    }
    const std::string line = proxy.line();
    check(line.ends_with(": 300010 bytes there, 300010 back, closed"), "the count: " + line);
    {
        Client client(front);
        client.send("half");
        check(client.receive(4) == "half", "it passes both ways");
        client.reset();
    }
    const std::string broken = proxy.line();
    check(broken.find(": 4 bytes there, 4 back, read ") != std::string::npos, "why: " + broken);
    server.signal(SIGTERM);
    check(server.line() == "draining", "the target ends");
    check(server.line() == "2 connections, 1 completed, 1 failed, 0 cancelled",
          "a reset is passed on as one");
    check(server.exit_code() == 0, "the target ends");
    Client refused(front);
    check(refused.ended(), "without a target the connection ends");
    const std::string error = proxy.line();
    check(error.find("0 bytes there, 0 back, connect ") != std::string::npos, "why: " + error);
    proxy.signal(SIGTERM);
    check(proxy.line() == "3 connections, 300014 bytes there, 300014 back", "the sums");
    check(proxy.exit_code() == 0, "draining is a success");
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view sample = count == 3 ? arguments[2] : "";
    alarm(100);
    try {
        if (sample == "tiny_echo") {
            check_tiny(arguments[1]);
        } else if (sample == "echo_server") {
            check_echo(arguments[1]);
            check_silent(arguments[1]);
        } else if (sample == "chat") {
            check_chat(arguments[1]);
            check_chat_manners(arguments[1]);
        } else if (sample == "proxy") {
            check_proxy(arguments[1]);
        } else {
            std::cerr << "usage: net_check FOLDER tiny_echo|echo_server|chat|proxy\n";
            return 2;
        }
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
