// SPDX-License-Identifier: MIT
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/detail/peer_gone.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/observer.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/settle.hpp>

#include "serve_kit.hpp"

// Whose fault it is that a handler failed: the peer's, or not.

using namespace serve_kit;

namespace {

std::exception_ptr io(std::errc code) {
    return std::make_exception_ptr(eddy::IoError(std::make_error_code(code), "read"));
}

/// Serves one connection whose handler fails with `error`; how many of the failed were lost.
Task<ServeStatistics> failing_with(std::exception_ptr error) {
    MemoryListener listener;
    Server server;
    const auto handler = [](MemoryStream, std::exception_ptr& what) -> Task<> {
        std::rethrow_exception(what);
        co_return;
    };
    auto serving = eddy::spawn(serve(server, listener, handler, std::ref(error)));
    const MemoryStream client = listener.connect();
    co_await settle();
    server.drain();
    co_await serving;
    co_return server.statistics();
}

/// Takes the one hook, and no failure.
class Losses final : public eddy::Observer {
public:
    void connection_lost(const eddy::JobInfo& job, std::exception_ptr error) override {
        lost.push_back(std::string(job.name) + ": " + eddy::detail::describe(error));
    }
    void failure(const eddy::JobInfo&, std::exception_ptr, std::string_view) override {
        ++failures;
    }
    std::vector<std::string> lost;
    int failures = 0;
};

}  // namespace

EDDY_TEST_CASE("a peer that goes away, in whatever way, is told from a failure") {
    auto& failures = eddy::testing::expected_failures();
    std::vector<std::exception_ptr> gone;
    for (const std::errc code : {std::errc::connection_reset,
                                 std::errc::connection_aborted,
                                 std::errc::broken_pipe,
                                 std::errc::not_connected}) {
        gone.push_back(io(code));
    }
    gone.push_back(std::make_exception_ptr(eddy::detail::PeerGone("reset")));
    gone.push_back(std::make_exception_ptr(eddy::detail::PeerCutShort("in the middle of a line")));
    gone.push_back(std::make_exception_ptr(
        eddy::detail::PeerSilent(std::make_error_code(std::errc::timed_out), "silent")));
    gone.push_back(std::make_exception_ptr(
        eddy::ExceptionGroup({io(std::errc::connection_reset), io(std::errc::broken_pipe)})));
    for (const std::exception_ptr& error : gone) {
        const ServeStatistics now = co_await failing_with(error);
        CHECK(now.failed == 1);
        CHECK(now.lost == 1);
    }
    std::vector<std::exception_ptr> ours;
    ours.push_back(io(std::errc::connection_refused));
    ours.push_back(io(std::errc::permission_denied));
    ours.push_back(io(std::errc::timed_out));  // of a connection to somebody else, most often
    ours.push_back(std::make_exception_ptr(eddy::BrokenResource("a channel without a receiver")));
    ours.push_back(std::make_exception_ptr(eddy::EndOfStream("a queue that was shut down")));
    ours.push_back(std::make_exception_ptr(std::runtime_error("a bug")));
    ours.push_back(std::make_exception_ptr(eddy::TimedOut("a deadline of the handler's")));
    ours.push_back(std::make_exception_ptr(eddy::ClosedResource("closed by the handler")));
    ours.push_back(std::make_exception_ptr(eddy::BrokenBarrier("among jobs")));
    ours.push_back(std::make_exception_ptr(42));
    ours.push_back(std::make_exception_ptr(eddy::ExceptionGroup(
        {io(std::errc::connection_reset), std::make_exception_ptr(std::runtime_error("a bug"))})));
    for (const std::exception_ptr& error : ours) {
        const ServeStatistics now = co_await failing_with(error);
        CHECK(now.failed == 1);
        CHECK(now.lost == 0);
    }
    // For an observer that knows of failures only, they are failures.
    CHECK(failures.size() == gone.size() + ours.size());
    CHECK(failures[0].where == "connection handler");
    CHECK(failures[0].job == "connection");
}

EDDY_TEST_CASE("an observer that asks for lost connections gets them, and as no failures") {
    auto& failures = eddy::testing::expected_failures();
    Losses losses;
    eddy::Loop::current().add_observer(losses);
    const ServeStatistics lost = co_await failing_with(io(std::errc::connection_reset));
    const ServeStatistics failed =
        co_await failing_with(std::make_exception_ptr(std::runtime_error("a bug")));
    eddy::Loop::current().remove_observer(losses);
    CHECK(lost.lost == 1);
    CHECK(failed.lost == 0);
    REQUIRE(losses.lost.size() == 1);
    CHECK(losses.lost[0].find("connection: read: ") == 0);
    CHECK(losses.failures == 1);
    CHECK(failures.size() == 2);
}
