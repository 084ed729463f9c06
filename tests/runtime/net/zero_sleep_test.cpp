// SPDX-License-Identifier: MIT
#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <eddy/net/tcp.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

// Jobs that sleep for nothing, for ever, on the machine's clock: everything else goes on beside
// them, and how long it takes is a number of turns, not a matter of luck.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Task;
using eddy::TcpStream;

constexpr std::size_t spinners = 3;
constexpr std::size_t exchanges = 300;

struct Spins {
    std::size_t count = 0;
};

Task<> spin(Spins& spins) {
    while (true) {
        ++spins.count;
        co_await eddy::sleep_for(0s);
    }
}

/// How often the spinners ran while this was done so often.
Task<std::size_t> exchange_beside(Spins& spins, TcpStream& client) {
    const std::size_t before = spins.count;
    for (std::size_t i = 0; i < exchanges; ++i) {
        co_await client.write_all("ping");
        const std::string answer = co_await read_all(client, 4);
        CHECK(answer == "ping");
    }
    co_return spins.count - before;
}

Task<> sleep_beside() {
    for (int i = 0; i < 20; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        co_await eddy::sleep_for(1ms);
        CHECK(std::chrono::steady_clock::now() - begun >= 1ms);
    }
}

Task<> beside_spinners() {
    Spins spins;
    std::vector<eddy::JoinHandle<void>> jobs;
    for (std::size_t i = 0; i < spinners; ++i) {
        jobs.push_back(eddy::spawn(spin(spins)));
    }
    TcpPair pair = co_await tcp_pair();
    auto echoing = eddy::spawn(echo(std::move(pair.server)));
    // Each exchange takes the kernel's time, too: a few turns of a few jobs, not a thousand.
    const std::size_t ran = co_await exchange_beside(spins, pair.client);
    CHECK(ran > 0);
    CHECK(ran / exchanges < 1'000);
    co_await sleep_beside();

    eddy::SignalSet signals{SIGUSR2};
    std::raise(SIGUSR2);
    const int number = co_await signals.next();
    CHECK(number == SIGUSR2);

    bool posted = false;
    std::thread poster([loop = eddy::Loop::current().handle(), &posted] {
        static_cast<void>(loop.post([&posted] { posted = true; }));
    });
    poster.join();
    const std::size_t before = spins.count;
    while (!posted) {
        co_await eddy::sleep_for(0s);
    }
    CHECK(spins.count - before < 1'000);

    pair.client.close();
    co_await echoing;
    for (auto& job : jobs) {
        job.cancel();
        co_await job.wait();
    }
}

TEST_CASE("jobs that sleep for nothing starve neither sockets nor timers, signals or posts") {
    eddy::run(beside_spinners());
}

}  // namespace
