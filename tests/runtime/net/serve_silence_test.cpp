// SPDX-License-Identifier: MIT
#include <array>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../test_kit.hpp"
#include "../worked_clock.hpp"
#include "serve_kit.hpp"

// How long a peer may be silent. In virtual time the looks come at every quarter of the limit from
// the first connection on: 30 s, 60 s, ...

namespace {

using namespace serve_kit;
using eddy::Duration;
using eddy::IoError;
using eddy::ServeOptions;
using eddy::TimePoint;
using eddy::testing::holds;

/// What a handler met, and when.
struct Seen {
    std::vector<long> seconds;
    std::vector<std::string> words;

    void timed_out(const IoError& error, TimePoint begun) {
        CHECK(error.code() == std::errc::timed_out);
        seconds.push_back(
            std::chrono::duration_cast<std::chrono::seconds>(eddy::now() - begun).count());
        words.emplace_back(error.what());
    }
};

/// Reads until that fails, and notes how long it was after the last byte.
template <class S>
Task<> reads_on(S stream, Seen& seen) {
    std::array<std::byte, 64> buffer{};
    TimePoint last = eddy::now();
    try {
        while (true) {
            const std::size_t length = co_await stream.read_some(buffer);
            if (length == 0) {
                co_return;
            }
            last = eddy::now();
        }
    } catch (const IoError& error) {
        seen.timed_out(error, last);
    }
}

/// Writes until that fails.
template <class S>
Task<> writes_on(S stream, Seen& seen) {
    const std::vector<std::byte> bytes(4096);
    TimePoint last = eddy::now();
    try {
        while (true) {
            co_await stream.write_some(bytes);
            last = eddy::now();
        }
    } catch (const IoError& error) {
        seen.timed_out(error, last);
    }
}

/// Lets virtual time pass, in small steps.
Task<> pass(Duration time, Duration step = 1s) {
    for (Duration done{}; done < time; done += step) {
        co_await eddy::sleep_for(step);
    }
}

/// A server of memory streams whose handler is told what it has seen.
struct Served {
    template <class H>
    explicit Served(const ServeOptions& options,
                    H handler,
                    const eddy::testing::MemoryOptions& memory = {})
        : listener(memory),
          server(options),
          serving(eddy::spawn(serve(server, listener, std::move(handler), std::ref(seen)))) {}

    /// Drains it.
    Task<> end() {
        server.drain();
        co_await serving;
    }

    MemoryListener listener;
    Server server;
    Seen seen;
    eddy::JoinHandle<void> serving;
};

constexpr bool within(long seconds, long least) {
    return seconds >= least && seconds <= least + least / 4;
}

}  // namespace

EDDY_TEST_CASE("a peer that says nothing is given up between the limit and a quarter more") {
    Served served({}, reads_on<MemoryStream>);  // two minutes
    std::vector<MemoryStream> clients;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(served.listener.connect());
        co_await eddy::sleep_for(1s);
    }
    co_await pass(3min);
    REQUIRE(served.seen.seconds.size() == 40);
    for (const long seconds : served.seen.seconds) {
        CHECK(within(seconds, 120));
    }
    CHECK(served.seen.words.front().find("read_some: the peer was silent for 120 s") == 0);
    CHECK(served.server.statistics().active == 0);
    const Ending end = co_await reads(clients[0]);
    CHECK(end == Ending::zero);  // its handler has returned
    co_await served.end();
}

EDDY_TEST_CASE("a byte in either direction is a sign of life") {
    Served served({.silence = 20s}, [](MemoryStream stream, Seen& all) -> Task<> {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            group.spawn([&stream]() -> Task<> {
                for (int i = 0; i < 10; ++i) {  // says something every 15 s
                    co_await stream.write_all("tick");
                    co_await eddy::sleep_for(15s);
                }
            });
            const TimePoint begun = eddy::now();
            std::array<std::byte, 64> buffer{};
            try {
                static_cast<void>(co_await stream.read_some(buffer));
            } catch (const IoError& error) {
                all.timed_out(error, begun);
            }
        });
    });
    auto talker = served.listener.connect();
    auto listening = served.listener.connect();
    for (int i = 0; i < 10; ++i) {
        co_await eddy::sleep_for(15s);
    }
    CHECK(served.seen.seconds.empty());
    co_await pass(1min);
    REQUIRE(served.seen.seconds.size() == 2);
    CHECK(within(served.seen.seconds[0] - 135, 20));  // after the last tick
    co_await served.end();
}

EDDY_TEST_CASE("a write that nobody takes is given up, and tears the stream") {
    Served served({.silence = 20s}, writes_on<MemoryStream>, {.capacity = 64});
    auto client = served.listener.connect();
    co_await pass(40s);
    REQUIRE(served.seen.seconds.size() == 1);
    CHECK(within(served.seen.seconds[0], 20));
    CHECK(served.seen.words[0].find("write: the peer was silent for 20 s") == 0);
    const Ending end = co_await reads(client);
    CHECK(end == Ending::broken);
    co_await served.end();
}

EDDY_TEST_CASE("a peer that takes what was written, however slowly, is not silent") {
    Served served({.silence = 20s},
                  [](MemoryStream stream, Seen& all) -> Task<> {
                      const std::vector<std::byte> bytes(1000);
                      co_await stream.write_all(std::span<const std::byte>(bytes));
                      // No byte moves on this side any more.
                      co_await reads_on(std::move(stream), all);
                  },
                  {.capacity = 1000});
    auto client = served.listener.connect();
    std::array<std::byte, 10> some{};
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(co_await client.read_some(some));
        co_await eddy::sleep_for(4s);
    }
    CHECK(served.seen.seconds.empty());
    co_await pass(1min);
    CHECK(served.seen.seconds.size() == 1);
    co_await served.end();
}

EDDY_TEST_CASE("whoever does not wait for the peer is left in peace, and has all the time later") {
    Served served({.silence = 20s}, [](MemoryStream stream, Seen& all) -> Task<> {
        co_await eddy::sleep_for(10min);
        co_await reads_on(std::move(stream), all);
    });
    std::vector<MemoryStream> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(served.listener.connect());
        co_await eddy::sleep_for(700ms);
    }
    co_await pass(12min);
    REQUIRE(served.seen.seconds.size() == 10);
    for (const long seconds : served.seen.seconds) {
        CHECK(within(seconds, 20));
    }
    co_await served.end();
}

EDDY_TEST_CASE("a peer that may be silent is left in peace, and has all the time later") {
    Served served({.silence = 20s}, [](MemoryStream stream, Seen& all) -> Task<> {
        stream.peer_watch().may_be_silent(true);
        std::array<std::byte, 64> buffer{};
        const std::size_t length = co_await stream.read_some(buffer);
        CHECK(length == 1);
        stream.peer_watch().may_be_silent(false);
        co_await reads_on(std::move(stream), all);
    });
    MemoryStream client = served.listener.connect();
    co_await pass(10min);
    CHECK(served.server.statistics().active == 1);
    co_await client.write_all("x");
    co_await pass(1min);
    REQUIRE(served.seen.seconds.size() == 1);
    CHECK(within(served.seen.seconds[0], 20));
    co_await served.end();
}

EDDY_TEST_CASE("a loop that comes back to its read has waited all the time") {
    MemoryListener listener;
    Server server({.silence = 20s});
    Seen selecting;
    Seen cancelling;
    auto one = eddy::spawn(serve(
        server,
        listener,
        [](MemoryStream stream, Seen& all) -> Task<> {
            const TimePoint begun = eddy::now();
            std::array<std::byte, 64> buffer{};
            try {
                while (true) {
                    const auto first =
                        co_await eddy::select(stream.read_some(buffer), eddy::sleep_for(1s));
                    CHECK(first.index() == 1);
                }
            } catch (const IoError& error) {
                all.timed_out(error, begun);
            }
        },
        std::ref(selecting)));
    MemoryListener other;
    auto two = eddy::spawn(serve(
        server,
        other,
        [](MemoryStream stream, Seen& all) -> Task<> {
            const TimePoint begun = eddy::now();
            std::array<std::byte, 64> buffer{};
            try {
                while (true) {
                    auto read = stream.read_some(buffer);
                    const auto length = co_await eddy::move_on_after(1s, read);
                    CHECK_FALSE(length);
                }
            } catch (const IoError& error) {
                all.timed_out(error, begun);
            }
        },
        std::ref(cancelling)));
    auto first = listener.connect();
    auto second = other.connect();
    co_await pass(30s);
    REQUIRE(selecting.seconds.size() == 1);
    CHECK(within(selecting.seconds[0], 20));
    REQUIRE(cancelling.seconds.size() == 1);
    CHECK(within(cancelling.seconds[0], 20));
    server.drain();
    co_await one;
    co_await two;
}

EDDY_TEST_CASE("what comes after the silence fails like that too, until it is closed") {
    MemoryListener listener;
    Server server({.silence = 20s});
    int timed_out = 0;
    auto serving = eddy::spawn(serve(
        server,
        listener,
        [](MemoryStream stream, int& count) -> Task<> {
            std::array<std::byte, 64> buffer{};
            for (int i = 0; i < 3; ++i) {
                try {
                    static_cast<void>(co_await stream.read_some(buffer));
                } catch (const IoError& error) {
                    count += error.code() == std::errc::timed_out ? 1 : 0;
                }
                try {
                    co_await stream.write_all("hello");
                } catch (const IoError& error) {
                    count += error.code() == std::errc::timed_out ? 1 : 0;
                }
            }
            stream.close();
            CHECK_THROWS_AS(static_cast<void>(stream.peer_watch()), eddy::ClosedResource);
        },
        std::ref(timed_out)));
    auto client = listener.connect();
    co_await pass(40s);
    CHECK(timed_out == 6);
    server.drain();
    co_await serving;
}

EDDY_TEST_CASE("virtual time does not move for connections that are idle") {
    Served served({.silence = 1s}, reads_on<MemoryStream>);
    auto client = served.listener.connect();
    co_await settle();
    const TimePoint begun = eddy::now();
    eddy::testing::Gate open;
    std::thread later([handle = eddy::Loop::current().handle(), &open] {
        std::this_thread::sleep_for(20ms);  // as a client in another process: the loop is idle
        static_cast<void>(handle.post([&open] { open.open(); }));
    });
    co_await open.wait();
    later.join();
    CHECK(eddy::now() == begun);
    CHECK(served.seen.seconds.empty());
    served.server.drain(0s);
    co_await served.serving;
}

EDDY_TEST_CASE("the limit goes with the stream into other jobs, and outlives its server") {
    MemoryListener listener;
    Seen seen;
    std::vector<MemoryStream> moved;
    {
        Server server({.silence = 20s});
        auto serving = eddy::spawn(serve(
            server,
            listener,
            [](MemoryStream stream, std::vector<MemoryStream>& place) -> Task<> {
                place.push_back(std::move(stream));
                co_return;
            },
            std::ref(moved)));
        auto client = listener.connect();
        co_await settle();
        server.drain();
        co_await serving;
        REQUIRE(moved.size() == 1);
        auto job = eddy::spawn(reads_on(std::move(moved[0]), seen));
        co_await pass(40s);
        co_await job;
    }
    CHECK(seen.seconds.size() == 1);
}

EDDY_TEST_CASE("no limit is none, and what is not above zero is refused") {
    CHECK_THROWS_AS(Server({.silence = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(Server({.silence = -1s}), std::invalid_argument);
    Served served({.silence = ServeOptions::no_limit}, reads_on<MemoryStream>);
    auto client = served.listener.connect();
    co_await eddy::sleep_for(std::chrono::hours(24 * 365));
    CHECK(served.seen.seconds.empty());
    CHECK(served.server.statistics().active == 1);
    served.server.drain(0s);
    co_await served.serving;
}

EDDY_TEST_CASE("a drain, a cancellation and a close end limited connections as they end others") {
    Served served({.drain = 5s, .silence = 20s}, reads_on<MemoryStream>);
    auto client = served.listener.connect();
    auto gone = served.listener.connect();
    co_await settle();
    gone.close();
    co_await settle();
    CHECK(served.server.statistics().completed == 1);
    co_await served.end();
    CHECK(served.server.statistics().cancelled == 1);
    CHECK(served.seen.seconds.empty());
}

namespace {

/// The same over the kernel: virtual time passes because the test sleeps.
template <class L, class S, class Connect>
Task<> silent_peers(L listener, Connect connect) {
    Server server({.silence = 20s});
    Seen reading;
    Seen writing;
    int served = 0;
    auto serving = eddy::spawn(serve(
        server,
        listener,
        [](S stream, Seen& reads, Seen& writes, int& number) -> Task<> {
            return number++ % 2 == 0 ? reads_on(std::move(stream), reads)
                                     : writes_on(std::move(stream), writes);
        },
        std::ref(reading),
        std::ref(writing),
        std::ref(served)));
    auto silent = co_await connect(listener);
    auto deaf = co_await connect(listener);
    while (served < 2) {
        co_await eddy::yield();
    }
    co_await pass(40s);
    REQUIRE(reading.seconds.size() == 1);
    CHECK(within(reading.seconds[0], 20));
    CHECK(reading.words[0].find(": the peer was silent for 20 s") != std::string::npos);
    REQUIRE(writing.seconds.size() == 1);
    CHECK(within(writing.seconds[0], 20));
    server.drain();
    co_await serving;
    CHECK(server.statistics().completed == 2);
}

Task<eddy::TcpStream> connect_tcp(eddy::TcpListener& listener) {
    return eddy::connect(listener.local_address());
}
Task<eddy::UnixStream> connect_local(eddy::UnixListener& listener) {
    return eddy::connect_unix(listener.local_address());
}

}  // namespace

EDDY_TEST_CASE("silent and deaf peers of a TcpListener are given up") {
    co_await silent_peers<eddy::TcpListener, eddy::TcpStream>(
        eddy::TcpListener::listen(eddy::Address::loopback(0)), connect_tcp);
}

EDDY_TEST_CASE("silent and deaf peers of a UnixListener are given up") {
    const std::string path = std::string(1, '\0') + "eddy-silence-" + std::to_string(getpid());
    co_await silent_peers<eddy::UnixListener, eddy::UnixStream>(eddy::UnixListener::listen(path),
                                                                connect_local);
}

EDDY_TEST_CASE("a thousand silent connections go while others are served") {
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    constexpr std::size_t crowd = 200;  // descriptors are scarce; both ends are ours
    Server server({.max_connections = crowd + 1, .silence = 20s});
    Seen seen;
    auto serving = eddy::spawn(serve(
        server,
        listener,
        [](eddy::TcpStream stream, Seen& all) -> Task<> {
            const TimePoint begun = eddy::now();
            try {
                co_await eddy::copy(stream, stream);
            } catch (const IoError& error) {
                all.timed_out(error, begun);
            }
        },
        std::ref(seen)));
    std::vector<eddy::TcpStream> silent;
    auto lively = co_await eddy::connect(listener.local_address());
    for (std::size_t i = 0; i < crowd; ++i) {
        silent.push_back(co_await eddy::connect(listener.local_address()));
    }
    for (int i = 0; i < 40; ++i) {
        co_await lively.write_all("ping");
        const std::string answer = co_await read_text(lively, 4);
        CHECK(answer == "ping");
        co_await eddy::sleep_for(1s);
    }
    CHECK(seen.seconds.size() == crowd);
    CHECK(server.statistics().active == 1);
    lively.close();
    server.drain();
    co_await serving;
}

TEST_CASE("a clock that is moved by hand far past the limit ends who was silent, and no one else") {
    eddy::testing::VirtualClock clock(eddy::testing::VirtualClock::Autojump::off);
    const auto body = [&]() -> Task<> {
        MemoryListener listener;
        Server server;
        Seen seen;
        auto serving = eddy::spawn(serve(server, listener, reads_on<MemoryStream>, std::ref(seen)));
        auto client = listener.connect();
        co_await settle();
        clock.advance(100s);
        co_await settle();
        CHECK(seen.seconds.empty());
        co_await client.write_all("x");
        co_await settle();
        clock.advance(100s);
        co_await settle();
        CHECK(seen.seconds.empty());
        clock.advance(120s);  // since the look before, which could not know when the byte had come
        co_await settle();
        CHECK(seen.seconds.size() == 1);
        server.drain();
        co_await serving;
    };
    eddy::run(body(), {}, {.clock = &clock});
}

TEST_CASE("a connection may outlive its loop, and end after its limit has") {
    std::vector<MemoryStream> kept;
    const auto body = [&]() -> Task<> {
        MemoryListener listener;
        Server server;
        auto serving = eddy::spawn(serve(
            server,
            listener,
            [](MemoryStream stream, std::vector<MemoryStream>& place) -> Task<> {
                place.push_back(std::move(stream));
                co_return;
            },
            std::ref(kept)));
        kept.push_back(listener.connect());
        co_await settle();
        server.drain();
        co_await serving;
    };
    eddy::run(body());
    CHECK(kept.size() == 2);
    kept.clear();
}

TEST_CASE("a silent peer is given up although another connection keeps waking its handler") {
    eddy::testing::WorkedClock clock;
    std::size_t woken = 0;
    bool given_up = false;
    const auto body = [&]() -> Task<> {
        eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
        eddy::TcpListener other = eddy::TcpListener::listen(eddy::Address::loopback(0));
        eddy::TcpStream upstream = co_await eddy::connect(other.local_address());
        eddy::TcpStream ticker = co_await other.accept();
        const auto handler = [&](eddy::TcpStream stream) -> Task<> {
            std::array<std::byte, 64> from_client{};
            std::array<std::byte, 64> from_upstream{};
            try {
                while (true) {
                    const auto first = co_await eddy::select(stream.read_some(from_client),
                                                             upstream.read_some(from_upstream));
                    woken += first.index();
                }
            } catch (const IoError&) {
                given_up = true;
            }
        };
        Server server({.silence = std::chrono::milliseconds(400)});
        auto serving = eddy::spawn(serve(server, listener, handler));
        const eddy::TcpStream client = co_await eddy::connect(listener.local_address());
        for (int tick = 0; tick < 60 && !given_up; ++tick) {
            co_await ticker.write_all(std::string_view("x"));
            for (int turn = 0; turn < 3;
                 ++turn) {  // each ends with its time, and then there is a poll
                clock.work(std::chrono::milliseconds(4));
                co_await eddy::yield();
            }
        }
        CHECK(given_up);
        server.drain(Duration::zero());
        co_await serving;
    };
    eddy::run(body(), {}, {.clock = &clock});
    CHECK(woken >= 30);
}
