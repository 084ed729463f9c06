// SPDX-License-Identifier: MIT
// The smallest server: whoever connects gets back what they send.
//
// Every connection is a job; one that fails harms no other. Ctrl-C gives those that are open a
// second to finish. For limits and statistics see echo_server.cpp. Try it with `nc 127.0.0.1 PORT`.
#include <array>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <span>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>

eddy::Task<> echo(eddy::TcpStream stream) {
    std::array<std::byte, 4096> buffer;
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            break;  // the client has said all it wanted to say
        }
        co_await stream.write_all(std::span(buffer).first(length));
    }
}

eddy::Task<> serve_echo() {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    std::cout << "listening on " << listener.local_address() << std::endl;
    co_await eddy::serve_until_signal(listener, echo, {.drain = std::chrono::seconds(1)});
}

int main() {
    const int status = eddy::run_main(serve_echo());
    return std::cout.flush() ? status : 1;
}
