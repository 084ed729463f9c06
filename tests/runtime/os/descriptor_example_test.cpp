// SPDX-License-Identifier: MIT
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/inotify.h>
#include <unistd.h>

#include <eddy/os/descriptor.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>

#include "../net/net_kit.hpp"
#include "../net/raw_socket.hpp"

// The example of runtime/NETWORK.md, "Descriptors of other libraries", and the one of the header
// with a library that is as small as can be.

namespace descriptor_example {

using eddy::Descriptor;
using eddy::Task;

Task<> reload_on_change(std::string folder, std::function<void()> reload) {
    Descriptor changes = Descriptor::adopt(inotify_init1(IN_CLOEXEC));
    inotify_add_watch(changes.native_handle(), folder.c_str(), IN_CLOSE_WRITE);
    std::array<char, 4096> events{};
    while (true) {
        co_await changes.readable();
        while (read(changes.native_handle(), events.data(), events.size()) > 0) {
        }
        reload();
    }
}

/// Has an answer when it has read three bytes.
struct Connection {
    int socket = -1;
    int missing = 3;
};

int PQsocket(const Connection* connection) { return connection->socket; }
int PQisBusy(const Connection* connection) { return connection->missing > 0 ? 1 : 0; }
int PQconsumeInput(Connection* connection) {
    char bytes[8] = {};
    const ssize_t count = ::recv(connection->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    connection->missing -= count > 0 ? static_cast<int>(count) : 0;
    return count != 0 ? 1 : 0;
}

Task<> answer(Connection* connection) {
    // Shown in runtime/include/eddy/os/descriptor.hpp.
    Descriptor watch = Descriptor::borrow(PQsocket(connection));
    while (PQisBusy(connection) != 0) {
        co_await watch.readable();
        if (PQconsumeInput(connection) == 0) break;  // the library reads
    }
    // Shown so far.
}

}  // namespace descriptor_example

namespace {

using namespace eddy::testing;

EDDY_NET_TEST("a configuration is read again whenever a file of its folder has been written") {
    std::string folder = "/tmp/eddy-reload-XXXXXX";
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    int reloads = 0;
    auto reloading =
        eddy::spawn(descriptor_example::reload_on_change(folder, [&reloads] { ++reloads; }));
    co_await settle();
    for (int i = 1; i <= 3; ++i) {
        std::ofstream(folder + "/config") << i;
        co_await settle();
        CHECK(reloads == i);
    }
    reloading.cancel();
    co_await reloading.wait();
    std::filesystem::remove_all(folder);
}

EDDY_NET_TEST("an answer is waited for with another library's socket") {
    const auto [mine, server] = raw_unix_pair();
    descriptor_example::Connection connection{.socket = mine.get()};
    auto asking = eddy::spawn(descriptor_example::answer(&connection));
    for (const char* const part : {"a", "bc"}) {
        co_await settle();
        CHECK_FALSE(asking.done());
        CHECK(::send(server.get(), part, std::string(part).size(), MSG_NOSIGNAL) > 0);
    }
    co_await asking;
    CHECK(connection.missing == 0);
}

}  // namespace
