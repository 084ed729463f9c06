// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstddef>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/unix.hpp>

#include "../test_kit.hpp"
#include "child_process.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// Who is at the other end of a Unix stream.

namespace {

using namespace eddy::testing;
using eddy::Task;
using eddy::UnixListener;
using eddy::UnixStream;

void check_is_this_process(const eddy::PeerCredentials& who) {
    CHECK(who.pid == ::getpid());
    CHECK(who.uid == ::geteuid());
    CHECK(who.gid == ::getegid());
}

EDDY_NET_TEST("peer credentials are those of who connected, who listened, and who made a pair") {
    const std::string name("\0eddy credentials", 17);
    UnixListener listener = UnixListener::listen(name);
    const UnixStream client = co_await eddy::connect_unix(name);
    const UnixStream server = co_await listener.accept();
    check_is_this_process(client.peer_credentials());
    check_is_this_process(server.peer_credentials());
    const auto [one, other] = UnixStream::pair();
    check_is_this_process(one.peer_credentials());
}

EDDY_NET_TEST("peer credentials of a closed stream are ClosedResource") {
    auto [one, other] = UnixStream::pair();
    one.close();
    CHECK_THROWS_AS(static_cast<void>(one.peer_credentials()), eddy::ClosedResource);
#if EDDY_SYSTEM_CALL_FAULTS
    const FailNth plan(SystemCall::getsockopt, ENOBUFS, 1);
    CHECK_THROWS_AS(static_cast<void>(other.peer_credentials()), eddy::IoError);
#endif
    co_return;
}

#if !defined(EDDY_NO_FORK)

EDDY_NET_TEST("peer credentials name another process, also when it has ended") {
    const std::string name("\0eddy credentials of a child", 28);
    UnixListener listener = UnixListener::listen(name);
    const pid_t child = ::fork();
    if (child == 0) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        _exit(::connect(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : 1);
    }
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    const UnixStream server = co_await listener.accept();
    CHECK(server.peer_credentials().pid == child);
    CHECK(server.peer_credentials().uid == ::geteuid());
}

#endif

}  // namespace
