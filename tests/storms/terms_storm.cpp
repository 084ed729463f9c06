// SPDX-License-Identifier: MIT
// SIGTERM at any moment in the life of a server that is at work: the listener closes, what is asked
// is answered or cancelled at the deadline, nothing is left, and the status is 0. Each time in a
// process of its own.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/serve_until_signal.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>

#include "storm.hpp"

namespace {

using namespace std::chrono_literals;
using eddy::Task;

/// Thinks about each word for as long as that says, and gives it back.
Task<> answer(eddy::TcpStream stream, eddy::Server& server) {
    std::array<std::byte, 1> word{};
    while (!server.draining()) {
        const std::size_t count = co_await stream.read_some(word);
        if (count == 0) {
            break;
        }
        const auto thought = static_cast<unsigned>(word[0]);
        co_await eddy::sleep_for(std::chrono::microseconds(20 * thought));
        co_await stream.write_all(std::span<const std::byte>(word));
    }
    co_await stream.shutdown();
}

/// Asks until nobody answers any more.
Task<> ask(eddy::Address address, unsigned seed) {
    std::mt19937 random(seed);
    try {
        while (true) {
            eddy::TcpStream stream = co_await eddy::connect(address);
            for (auto left = random() % 8; left != 0; --left) {
                std::array<std::byte, 1> word{static_cast<std::byte>(random())};
                co_await stream.write_all(std::span<const std::byte>(word));
                const std::size_t count = co_await stream.read_some(word);
                if (count == 0) {
                    break;
                }
            }
        }
    } catch (const eddy::IoError&) {  // refused: the listener has closed
    } catch (const eddy::BrokenResource&) {
    }
}

Task<> serve_and_ask(int when_ready, unsigned seed, bool& clean) {
    auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const eddy::Address address = listener.local_address();
    eddy::Server server({.drain = seed % 3 == 0 ? 0ms : 500ms});
    auto serving =
        eddy::spawn(eddy::serve_until_signal(server, listener, answer, std::ref(server)));
    std::vector<eddy::JoinHandle<void>> asking;
    for (unsigned i = 0; i < 4; ++i) {
        asking.push_back(eddy::spawn(ask(address, seed * 4 + i)));
    }
    while (server.statistics().accepted == 0) {
        co_await eddy::sleep_for(100us);
    }
    const char word = 'r';
    const bool told = write(when_ready, &word, 1) == 1;
    co_await serving;
    for (auto& each : asking) {
        co_await each;
    }
    const eddy::ServeStatistics end = server.statistics();
    clean = told && !listener.is_open() && end.active == 0 && end.failed == end.lost;
}

/// The exit status of a child.
int live(int when_ready, unsigned seed) {
    const std::size_t before = [] {
        const eddy::Loop loop;
        return storms::descriptors();
    }();
    bool clean = false;
    const int status = eddy::run_main(serve_and_ask(when_ready, seed, clean));
    if (status != 0) {
        return status;
    }
    return clean && storms::descriptors() < before ? 0 : 3;  // the loop's own have gone, too
}

/// Returns the child's status, or what is no status.
int end_one(unsigned seed) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) {
        return -1;
    }
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        close(ends[0]);
        std::_Exit(live(ends[1], seed));
    }
    close(ends[1]);
    char word = 0;
    const bool serves = read(ends[0], &word, 1) == 1;
    std::mt19937 random(seed);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4'000));
    kill(child, SIGTERM);
    int status = 0;
    waitpid(child, &status, 0);
    close(ends[0]);
    return serves && WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

bool terms(std::size_t count) {
    std::size_t wrong = 0;
    for (unsigned seed = 1; seed <= count; ++seed) {
        const int status = end_one(seed);
        if (status != 0) {
            std::printf("seed %u: status %d\n", seed, status);
            ++wrong;
        }
    }
    return storms::check(wrong == 0, "every server ends with 0, and nothing is left");
}

const storms::Registered registered({"terms", "servers that get SIGTERM", 50, 1'000, terms});

}  // namespace
