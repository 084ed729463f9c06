// SPDX-License-Identifier: MIT
#include <cerrno>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// What `serve` does when the kernel refuses to accept, with a real listener.

#if EDDY_SYSTEM_CALL_FAULTS

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::Server;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

Task<bool> answers(TcpStream& client) {
    co_await client.write_all("ping");
    const std::string answer = co_await read_all(client, 4);
    co_return answer == "ping";
}

/// A shortage that lasts through `failures` accepts: pauses, one report, and then everybody is
/// served.
Task<> starve(int error) {
    constexpr std::size_t failures = 10;
    auto& reported = expected_failures();
    const std::size_t reported_before = reported.size();
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server({.first_pause = 5ms, .longest_pause = 40ms});
    auto serving = eddy::spawn(eddy::serve(server, listener, echo<TcpStream>));
    TcpStream early = co_await eddy::connect(listener.local_address());
    const bool early_answered = co_await answers(early);
    CHECK(early_answered);
    co_await settle();
    const eddy::TimePoint begun = eddy::now();
    FailNth plan(SystemCall::accept, error, 1, failures);
    std::vector<TcpStream> late;
    for (int i = 0; i < 3; ++i) {
        late.push_back(co_await eddy::connect(listener.local_address()));
    }
    co_await settle();
    CHECK(plan.calls() == 1);  // however often the loop turns
    const bool meanwhile = co_await answers(early);
    CHECK(meanwhile);
    CHECK(plan.calls() == 1);
    for (TcpStream& client : late) {
        const bool answered = co_await answers(client);
        CHECK(answered);
    }
    CHECK(eddy::now() - begun == (5 + 10 + 20 + 7 * 40) * 1ms);
    CHECK(plan.failed() == failures);
    CHECK(plan.calls() <= failures + 3 + 2);
    CHECK(server.statistics().pauses == failures);
    CHECK(server.statistics().aborted == 0);
    CHECK(reported.size() == reported_before + 1);
    late.clear();
    early.close();
    server.drain();
    co_await serving;
    CHECK(server.statistics().completed == 4);
}

EDDY_NET_TEST("accept that the kernel has no memory, or no leave, for pauses and recovers") {
    for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM}) {
        INFO(std::generic_category().message(error));
        co_await starve(error);
    }
}

EDDY_NET_TEST("connections that the kernel lost are passed over at once") {
    for (const int error : {ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, ETIMEDOUT, ECONNRESET}) {
        INFO(std::generic_category().message(error));
        TcpListener listener = TcpListener::listen(Address::loopback(0));
        Server server;
        auto serving = eddy::spawn(eddy::serve(server, listener, echo<TcpStream>));
        co_await settle();
        const eddy::TimePoint begun = eddy::now();
        FailNth plan(SystemCall::accept, error, 1, 100);
        TcpStream client = co_await eddy::connect(listener.local_address());
        const bool answered = co_await answers(client);
        CHECK(answered);
        CHECK(plan.failed() == 100);
        CHECK(eddy::now() == begun);
        CHECK(server.statistics().pauses == 0);
        client.close();
        server.drain();
        co_await serving;
    }
}

/// No descriptor can be watched any more: /proc/sys/fs/epoll/max_user_watches.
EDDY_NET_TEST("a connection that cannot be watched is closed, and the server goes on") {
    auto& reported = expected_failures();
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server;
    auto serving = eddy::spawn(eddy::serve(server, listener, echo<TcpStream>));
    TcpStream early = co_await eddy::connect(listener.local_address());
    const bool early_answered = co_await answers(early);
    CHECK(early_answered);
    {
        // The client's own descriptor is watched before the one that is accepted.
        FailNth plan(SystemCall::watch, ENOSPC, 2);
        TcpStream unlucky = co_await eddy::connect(listener.local_address());
        const std::string end = co_await read_text(unlucky);
        CHECK(end.empty());
        CHECK(plan.failed() == 1);
    }
    CHECK(server.statistics().pauses == 1);
    CHECK(reported.size() == 1);
    TcpStream late = co_await eddy::connect(listener.local_address());
    const bool late_answered = co_await answers(late);
    CHECK(late_answered);
    const bool still = co_await answers(early);
    CHECK(still);
    early.close();
    late.close();
    server.drain();
    co_await serving;
}

/// Real time: for ever short of memory costs next to no processor time.
Task<> starve_for_ever(double& busy) {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server;
    auto serving = eddy::spawn(eddy::serve(server, listener, echo<TcpStream>));
    FailNth plan(SystemCall::accept, ENOMEM, 1, FailNth::always);
    const TcpStream client = co_await eddy::connect(listener.local_address());
    const std::clock_t begun = std::clock();
    co_await eddy::sleep_for(500ms);
    busy = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
    CHECK(plan.calls() < 20);
    serving.cancel();
    co_await serving.wait();
}

TEST_CASE("a listener that can never accept does not keep the processor busy") {
    double busy = 1;
    RecordingObserver observer;
    eddy::run(starve_for_ever(busy), {}, {.observer = &observer});
    CHECK(busy < 0.1);
    CHECK(observer.failures.size() == 1);
}

}  // namespace

#endif
