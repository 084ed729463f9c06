// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/net/address.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/os/listen_descriptors.hpp>
#include <eddy/run.hpp>

#include "child_process.hpp"

// The example of runtime/NETWORK.md, "Sockets that are there already".

namespace listen_example {

using eddy::Address;
using eddy::listen_descriptors;
using eddy::ListenDescriptor;
using eddy::Task;
using eddy::TcpListener;

TcpListener web_listener() {
    for (const ListenDescriptor& given : listen_descriptors({.unset_environment = true})) {
        if (given.name == "web") {
            return TcpListener::adopt(given.descriptor);
        }
    }
    return TcpListener::listen(Address::loopback(0));  // started by hand
}

Task<int> descriptor_of_web_listener() { co_return web_listener().native_handle(); }

}  // namespace listen_example

TEST_CASE("a service takes the listener it was given, or opens one of its own") {
    const auto child = eddy::testing::run_in_child([] {
        const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::listen(listening, 4) != 0) {
            return 2;
        }
        ::dup2(listening, 4);
        ::dup2(listening, 3);
        setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        setenv("LISTEN_FDS", "2", 1);
        setenv("LISTEN_FDNAMES", "admin:web", 1);
        const int given = eddy::run(listen_example::descriptor_of_web_listener());
        const int own = eddy::run(listen_example::descriptor_of_web_listener());
        return given == 4 && own != 4 ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
}
