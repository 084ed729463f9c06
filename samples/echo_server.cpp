// SPDX-License-Identifier: MIT
// An echo server: every connection gets back what it sends, until it ends its side.
//
// Each connection is a job of one group, so that none outlives the server, and a failure of one is
// caught where it belongs. SIGINT or SIGTERM cancel them all; the program ends when they have.
// Try it with `nc 127.0.0.1 PORT`.
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>

namespace {

eddy::Task<> echo(eddy::TcpStream stream) {
    std::array<std::byte, 4096> buffer;
    try {
        while (true) {
            const std::size_t count = co_await stream.read_some(buffer);
            if (count == 0) {
                break;
            }
            co_await stream.write_all(std::span<const std::byte>(buffer).first(count));
        }
        co_await stream.shutdown();
    } catch (const eddy::BrokenResource& error) {
        std::cerr << error.what() << '\n';  // this connection's trouble alone
    }
}

eddy::Task<> accept_all(eddy::TaskGroup& group, eddy::Address address) {
    eddy::TcpListener listener = eddy::TcpListener::listen(address);
    std::cout << "listening on " << listener.local_address() << std::endl;
    while (true) {
        eddy::TcpStream stream = co_await listener.accept();
        group.spawn(echo(std::move(stream)));
    }
}

eddy::Task<> serve(eddy::Address address) { co_await eddy::with_task_group(&accept_all, address); }

}  // namespace

int main(int count, char** arguments) {
    const std::string argument = count > 1 ? arguments[1] : "127.0.0.1:0";
    const auto address = eddy::Address::try_parse(argument);
    if (count > 2 || !address) {
        std::cerr << "usage: echo_server [ADDRESS:PORT]   (port 0: any; it is printed)\n";
        return argument == "--help" ? 0 : 2;
    }
    try {
        eddy::run(serve(*address), {.handle_signals = true});
    } catch (const eddy::JobCancelled&) {  // by a signal
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
