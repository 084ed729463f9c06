// SPDX-License-Identifier: MIT
#include <csignal>
#include <cstddef>
#include <exception>
#include <random>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/recording_observer.hpp>

#include "../test_kit.hpp"
#include "child_process.hpp"
#include "net_kit.hpp"

// Thousands of peers that reset their connection at any byte.

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::BrokenResource;
using eddy::Server;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using Random = std::mt19937;

/// Writes for ever, in one span and in several, until the peer is gone.
Task<> pour(TcpStream stream) {
    const std::vector<std::byte> block(70'000);
    const std::span<const std::byte> parts[] = {block, block, block};
    while (true) {
        co_await stream.write_all(block);
        co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
    }
}

/// Says some of what it has to say, reads some of what it is told, and resets.
Task<> visit(const Address address, Random random) {
    TcpStream stream = co_await eddy::connect(address);
    const std::vector<std::byte> words(random() % 3 == 0 ? random() % 100 : random() % 20'000);
    auto talking = eddy::spawn([](TcpStream& to, const auto& bytes) -> Task<> {
        co_await to.write_all(bytes);
    }(stream, words));
    std::size_t left = random() % 3 == 0 ? random() % 100 : random() % 100'000;
    left = std::min(left, words.size());  // of an echo
    std::vector<std::byte> buffer(4096);
    while (left != 0) {
        const auto into = std::span(buffer).first(std::min(left, buffer.size()));
        left -= co_await stream.read_some(into);
    }
    stream.close_reset();
    const auto cut_off = co_await failure_of(talking);
    CHECK((!cut_off || holds<eddy::ClosedResource>(cut_off)));
}

/// The same to a server that never stops talking.
Task<> leave_early(const Address address, Random random) {
    TcpStream stream = co_await eddy::connect(address);
    co_await drain(stream, random() % 3 == 0 ? random() % 100 : random() % 200'000);
    stream.close_reset();
}

using Visitor = Task<> (*)(Address, Random);

/// Ten at a time.
Task<> visit_all(std::size_t count, Visitor visitor, const Address address, unsigned seed) {
    for (std::size_t done = 0; done < count; done += 10) {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            for (unsigned i = 0; i < 10; ++i) {
                group.spawn(visitor(address, Random(seed++)));
            }
            co_return;
        });
    }
}

#if defined(NDEBUG) && EDDY_FRAME_POOL
constexpr std::size_t visitors = 5000;
#else
constexpr std::size_t visitors = 1000;  // unoptimised, or under a sanitizer
#endif
constexpr std::size_t listeners = visitors / 5;  // each is sent some mebibytes, which take time

template <class Handler>
Task<eddy::ServeStatistics> be_visited(Handler handler, Visitor visitor, std::size_t count) {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    Server server;
    auto serving = eddy::spawn(eddy::serve(server, listener, handler));
    co_await visit_all(count, visitor, listener.local_address(), 1);
    server.drain();
    co_await serving;
    co_return server.statistics();
}

void expect_broken(const std::vector<RecordingObserver::Failure>& failures) {
    std::size_t others = 0;
    for (const RecordingObserver::Failure& each : failures) {
        others += holds<BrokenResource>(each.error) ? 0U : 1U;
    }
    CHECK(others == 0);
}

EDDY_NET_TEST_FIFO("thousands of connections reset at any byte: each hurts its handler alone") {
    auto& failures = expected_failures();
    const auto statistics = co_await be_visited(echo<TcpStream>, visit, visitors);
    CHECK(statistics.accepted + statistics.aborted == visitors);
    CHECK(statistics.failed == statistics.accepted);
    CHECK(statistics.active == 0);
    CHECK(failures.size() == statistics.failed);
    expect_broken(failures);
}

EDDY_NET_TEST_FIFO("peers by the hundred reset a writer in the middle") {
    auto& failures = expected_failures();
    const auto statistics = co_await be_visited(pour, leave_early, listeners);
    CHECK(statistics.accepted + statistics.aborted == listeners);
    CHECK(statistics.failed == statistics.accepted);
    CHECK(failures.size() == statistics.failed);
    expect_broken(failures);
}

/// Hears of the reset, which clears it, and answers all the same: that is what the signal is for.
Task<> answer_nobody(TcpStream stream, bool& in_parts) {
    std::exception_ptr reset;
    try {
        co_await read_all(stream);
    } catch (const BrokenResource&) {
        reset = std::current_exception();
    }
    CHECK(reset);
    const std::span<const std::byte> parts[] = {bytes_of("any"), bytes_of("body")};
    in_parts = !in_parts;
    if (in_parts) {
        co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
    } else {
        co_await stream.write_all("anybody");
    }
}

Task<> say_and_reset(const Address address, Random random) {
    TcpStream stream = co_await eddy::connect(address);
    const std::vector<std::byte> words(random() % 100);
    co_await stream.write_all(words);
    stream.close_reset();
}

/// Returns how many writes were refused as they should be.
Task<std::size_t> answer_all(std::size_t count, const RecordingObserver& observer) {
    std::signal(SIGPIPE, SIG_DFL);  // somebody else in the process has brought it back
    bool in_parts = false;
    auto handler = [&in_parts](TcpStream stream) {
        return answer_nobody(std::move(stream), in_parts);
    };
    co_await be_visited(handler, say_and_reset, count);
    std::size_t refused = 0;
    for (const RecordingObserver::Failure& each : observer.failures) {
        refused += each.message.find("Broken pipe") != std::string::npos ? 1U : 0U;
    }
    co_return refused;
}

TEST_CASE("no write to a peer that is gone is a signal") {
    const ChildResult child = run_in_child([] {
        RecordingObserver observer;
        const std::size_t refused =
            eddy::run(answer_all(100, observer), {}, {.observer = &observer});
        return refused == 100 ? 0 : 1;
    });
    CHECK(child.signal == 0);
    CHECK(child.exit_code == 0);
}

}  // namespace
