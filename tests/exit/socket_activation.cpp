// SPDX-License-Identifier: MIT
// A service manager and its service in one program: it opens a TCP and a Unix listener, starts
// itself anew with them as systemd would (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), and talks to
// what it has started.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/os/listen_descriptors.hpp>
#include <eddy/run.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Task;

// --- the service -------------------------------------------------------------------------------

template <class L>
Task<> greet_one(L listener, std::string who) {
    auto stream = co_await listener.accept();
    co_await stream.write_all("hello from " + who);
}

Task<> service() {
    const auto given = eddy::listen_descriptors({.unset_environment = true});
    if (given.size() != 2 || std::getenv("LISTEN_FDS") != nullptr) {
        throw eddy::InvalidState("the service was not given two descriptors");
    }
    co_await greet_one(eddy::TcpListener::adopt(given[0].descriptor), given[0].name);
    co_await greet_one(eddy::UnixListener::adopt(given[1].descriptor), given[1].name);
}

// --- its manager -------------------------------------------------------------------------------

/// Never returns: the program begins anew.
[[noreturn]] void become_service(const char* program, int tcp, int local) {
    ::alarm(60);
    const int high_tcp = ::fcntl(tcp, F_DUPFD, 10);  // neither is in the other's place
    const int high_local = ::fcntl(local, F_DUPFD, 10);
    ::dup2(high_tcp, 3);
    ::dup2(high_local, 4);
    ::close(high_tcp);
    ::close(high_local);
    setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_FDNAMES", "web:control", 1);
    ::execl(program, program, "service", static_cast<char*>(nullptr));
    _exit(99);
}

template <class S>
Task<std::string> hears(S stream) {
    std::string text;
    std::vector<std::byte> buffer(100);
    std::size_t count = 1;
    while (count != 0) {
        count = co_await stream.read_some(buffer);
        text.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
    co_return text;
}

Task<int> manager(const char* program) {
    eddy::TcpListener tcp = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const std::string name =
        std::string(1, '\0') + "eddy socket activation " + std::to_string(::getpid());
    eddy::UnixListener local = eddy::UnixListener::listen(name);
    const int descriptors[] = {tcp.native_handle(), local.native_handle()};
    const pid_t child = ::fork();
    if (child == 0) {
        become_service(program, descriptors[0], descriptors[1]);
    }
    const std::string one =
        co_await eddy::fail_after(30s, hears(co_await eddy::connect(tcp.local_address())));
    const std::string other =
        co_await eddy::fail_after(30s, hears(co_await eddy::connect_unix(name)));
    int status = -1;
    ::waitpid(child, &status, 0);
    std::printf("%s, %s, status %d\n", one.c_str(), other.c_str(), status);
    co_return one == "hello from web" && other == "hello from control" && status == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "service") == 0) {
        return eddy::run_main(service());
    }
    return eddy::run(manager("/proc/self/exe"));
}
