// SPDX-License-Identifier: MIT
#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>

#include <eddy/detail/awaiting.hpp>
#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "child_process.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::CancelScope;
using eddy::ClosedResource;
using eddy::IoError;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

Task<int> accept_number(TcpListener& listener, int number, std::vector<int>& order) {
    const TcpStream stream = co_await listener.accept();
    order.push_back(number);
    co_return number;
}

EDDY_NET_TEST("jobs that accept are served in order of arrival") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    std::vector<int> order;
    std::vector<eddy::JoinHandle<int>> jobs;
    for (int i = 0; i < 4; ++i) {
        jobs.push_back(eddy::spawn(accept_number(listener, i, order)));
        co_await settle();
    }
    CHECK(listener.statistics().waiters == 4);
    std::vector<TcpStream> clients;
    for (std::size_t i = 0; i < 4; ++i) {
        clients.push_back(co_await eddy::connect(listener.local_address()));
        const int served = co_await jobs[i];
        CHECK(served == static_cast<int>(i));
    }
    CHECK(order == std::vector<int>{0, 1, 2, 3});
    CHECK(listener.statistics().accepted == 4);
    CHECK(listener.statistics().waiters == 0);
}

EDDY_NET_TEST("a listener that is closed drops a connection whose job died") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    co_await settle();
    auto op = listener.accept();
    bool accepted = op.try_now();
    if (!accepted) {  // the loop has not seen it
        co_await eddy::sleep_for(1ms);
        accepted = op.try_now();
    }
    REQUIRE(accepted);
    using eddy::detail::WaiterAccess;
    WaiterAccess::commit_at_once(op, *eddy::detail::thread_state.job);
    WaiterAccess::abandon_own(op);
    listener.close();
    const std::string end = co_await read_text(client);
    CHECK(end.empty());
}

Task<> keep_listening(std::optional<TcpListener>& kept) {
    kept.emplace(TcpListener::listen(Address::loopback(0)));
    TcpStream client = co_await eddy::connect(kept->local_address());
    const TcpStream server = co_await kept->accept();
}

TEST_CASE("a listener that outlives its loop is closed") {
    std::optional<TcpListener> kept;
    const std::size_t before = open_fds();
    eddy::run(keep_listening(kept));
    REQUIRE(kept);
    CHECK(open_fds() == before);
    CHECK_FALSE(kept->is_open());
    std::thread([&] { kept.reset(); }).join();  // nothing is left in it that minds
}

EDDY_NET_TEST("connections wait in the backlog until somebody accepts them") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    std::vector<TcpStream> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(co_await eddy::connect(listener.local_address()));
    }
    co_await settle();
    for (int i = 0; i < 20; ++i) {
        const TcpStream stream = co_await listener.accept();
        CHECK(stream.peer_address() == clients[static_cast<std::size_t>(i)].local_address());
    }
}

EDDY_NET_TEST("a listener closed while jobs accept ends their waits, and frees its port") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    auto first = eddy::spawn(accept_task(listener));
    auto second = eddy::spawn(accept_task(listener));
    co_await settle();
    listener.close();
    const auto one = co_await failure_of(first);
    CHECK(holds<ClosedResource>(one));
    const auto two = co_await failure_of(second);
    CHECK(holds<ClosedResource>(two));
    const auto later = co_await error_of(accept_task(listener));
    CHECK(holds<ClosedResource>(later));
    listener.close();
    const TcpListener next = TcpListener::listen(listener.local_address());
    CHECK(next.local_address() == listener.local_address());
}

EDDY_NET_TEST("a listener destroyed while a job accepts ends its wait") {
    auto listener = std::make_unique<TcpListener>(TcpListener::listen(Address::loopback(0)));
    auto job = eddy::spawn(accept_task(*listener));
    co_await settle();
    listener.reset();
    const auto error = co_await failure_of(job);
    CHECK(holds<ClosedResource>(error));
}

EDDY_NET_TEST("a port that is taken is an error that names it") {
    const TcpListener listener = TcpListener::listen(Address::loopback(0));
    std::string message;
    std::error_code code;
    try {
        static_cast<void>(TcpListener::listen(listener.local_address()));
    } catch (const IoError& error) {
        message = error.what();
        code = error.code();
    }
    CHECK(message.find("listen " + listener.local_address().to_string()) == 0);
    CHECK(code == std::errc::address_in_use);
    CHECK_THROWS_AS(static_cast<void>(TcpListener::listen(Address::loopback(0), {.backlog = 0})),
                    std::invalid_argument);
    co_return;
}

EDDY_NET_TEST("listeners can share a port when all of them say so") {
    const TcpListener first = TcpListener::listen(Address::loopback(0), {.reuse_port = true});
    const TcpListener second = TcpListener::listen(first.local_address(), {.reuse_port = true});
    CHECK(first.local_address() == second.local_address());
    CHECK_THROWS_AS(static_cast<void>(TcpListener::listen(first.local_address())), IoError);
    co_return;
}

EDDY_NET_TEST("an IPv6 listener takes IPv4 too, unless it is told not to") {
    TcpListener both = TcpListener::listen(Address::any(0, eddy::AddressFamily::v6));
    const std::uint16_t port = both.local_address().port();
    {
        const TcpStream client = co_await eddy::connect(Address::loopback(port));
        const TcpStream server = co_await both.accept();
        CHECK(server.peer_address().host() == "::ffff:127.0.0.1");
    }
    both.close();
    const TcpListener six =
        TcpListener::listen(Address::any(port, eddy::AddressFamily::v6), {.v6_only = true});
    const auto error = co_await error_of(eddy::connect(Address::loopback(port)));
    CHECK(holds<IoError>(error));
}

EDDY_NET_TEST("a listener that was moved from says so") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpListener moved = std::move(listener);
    CHECK_FALSE(listener.is_open());  // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(listener.close(), eddy::InvalidState);
    const auto error = co_await error_of(accept_task(listener));
    CHECK(holds<eddy::InvalidState>(error));
    moved = TcpListener::listen(Address::loopback(0));
    CHECK(moved.is_open());
}

EDDY_NET_TEST("a cancelled accept leaves the connection to the next one") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, accept_task(listener)));
    co_await settle();
    scope.cancel();
    const TcpStream client = co_await eddy::connect(listener.local_address());
    const bool accepted = co_await job;
    CHECK_FALSE(accepted);
    const TcpStream server = co_await listener.accept();
    CHECK(server.peer_address() == client.local_address());
}

EDDY_NET_TEST("closing a listener resets the connections nobody has accepted") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    listener.close();
    std::array<std::byte, 8> buffer{};
    const auto error = co_await error_of(read_task(client, buffer));
    CHECK(holds<eddy::BrokenResource>(error));
}

/// The whole story of a process without descriptors, as an exit code.
[[maybe_unused]] Task<int> run_dry() {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await eddy::connect(listener.local_address());
    std::vector<int> held;
    for (int fd = dup(0); fd >= 0; fd = dup(0)) {
        held.push_back(fd);
    }
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto error = co_await error_of(accept_task(listener));
        if (!holds<IoError>(error) || as<IoError>(error).code() != std::errc::too_many_files_open) {
            co_return 1;
        }
        co_await eddy::sleep_for(1ms);
    }
    // Nobody accepts: the connection that waits must not keep the loop awake.
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    co_await eddy::sleep_for(300ms);
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    const auto micros = [](const rusage& usage) {
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
               usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    };
    if (micros(after) - micros(before) > 100'000) {
        co_return 2;
    }
    for (const int fd : held) {
        close(fd);
    }
    TcpStream server = co_await listener.accept();
    co_await client.write_all("served");
    const std::string text = co_await read_text(server);
    co_return text == "served" ? 0 : 3;
}

// g++'s undefined behaviour sanitizer needs a descriptor itself, to look at an object's type.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("accept without descriptors is an error each time, spins never, and recovers") {
    const ChildResult child = run_in_child([] {
        const rlimit limit{64, 64};
        setrlimit(RLIMIT_NOFILE, &limit);
        return eddy::run(run_dry());
    });
    CHECK(child.exit_code == 0);
    CHECK(child.errors == "");
}
#endif

}  // namespace
