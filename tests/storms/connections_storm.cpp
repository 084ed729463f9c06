// SPDX-License-Identifier: MIT
// Connections that come and go. Sixteen at a time, to listeners at many addresses of the loopback
// network, so that there are ports enough for those that linger. Every third is closed by the
// client first, by the server first, or reset.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

constexpr std::size_t listeners = 32;
constexpr std::size_t at_once = 16;

/// What is open, once before and once at the end.
struct Found {
    std::size_t descriptors = 0;
    long memory = 0;
};

/// Says one byte, hears one, and is closed by the client if that says 'c', else by this.
Task<> greet(eddy::TcpStream stream) {
    std::array<std::byte, 1> word{};
    const std::size_t count = co_await stream.read_some(word);
    if (count == 1) {
        co_await stream.write_all(std::span<const std::byte>(word));
        if (static_cast<char>(word[0]) != 's') {
            const std::size_t end = co_await stream.read_some(word);  // or BrokenResource
            static_cast<void>(end);
        }
    }
}

Task<> visit(eddy::Address address, std::size_t number, std::size_t& answered) {
    eddy::TcpStream stream = co_await eddy::connect(address);
    const char word = "scr"[number % 3];
    co_await stream.write_all(std::string_view(&word, 1));
    std::array<std::byte, 1> answer{};
    const std::size_t count = co_await stream.read_some(answer);
    answered += count == 1 && static_cast<char>(answer[0]) == word ? 1U : 0U;
    if (word == 's') {
        const std::size_t end = co_await stream.read_some(answer);
        answered -= end == 0 ? 0U : 1U;
    } else if (word == 'r') {
        stream.close_reset();
    }
}

/// The resets of the visitors are expected.
class Losses final : public eddy::Observer {
public:
    void connection_lost(const eddy::JobInfo&, std::exception_ptr) override { ++lost; }
    void failure(const eddy::JobInfo&, std::exception_ptr, std::string_view) override {
        ++failures;
    }
    std::size_t lost = 0;
    std::size_t failures = 0;
};

Task<> visit_all(std::vector<eddy::Address> addresses,
                 std::size_t count,
                 std::size_t& answered,
                 Found& warm,
                 Found& done) {
    for (std::size_t number = 0; number < count; number += at_once) {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
            for (std::size_t i = number; i < number + at_once && i < count; ++i) {
                group.spawn(visit(addresses[i / 3 % listeners], i, answered));
            }
            co_return;
        });
        if (number <= count / 4) {
            warm.memory = storms::resident_memory();
        }
    }
    done.memory = storms::resident_memory();
}

Task<> storm(std::size_t count, std::size_t& answered, Found& warm, Found& done) {
    eddy::Server server;
    std::vector<eddy::Address> addresses;
    std::vector<eddy::JoinHandle<void>> serving;
    for (std::size_t i = 1; i <= listeners; ++i) {
        const std::string host = "127.0.0." + std::to_string(i);
        auto listener = eddy::TcpListener::listen(eddy::Address::parse(host + ":0"));
        addresses.push_back(listener.local_address());
        serving.push_back(eddy::spawn(eddy::serve(server, std::move(listener), greet)));
    }
    co_await eddy::sleep_for(std::chrono::milliseconds(50));  // the loop's timer is a descriptor
    warm.descriptors = storms::descriptors();
    co_await visit_all(addresses, count, answered, warm, done);
    while (server.statistics().active != 0) {
        co_await eddy::yield();
    }
    for (int turns = 0; storms::descriptors() != warm.descriptors && turns < 100; ++turns) {
        co_await eddy::yield();  // a stream goes a turn after its handler
    }
    done.descriptors = storms::descriptors();
    server.drain();
    for (auto& each : serving) {
        co_await each;
    }
}

bool connections(std::size_t count) {
    std::size_t answered = 0;
    Found warm;
    Found done;
    Losses losses;
    eddy::run(storm(count, answered, warm, done), {}, {.observer = &losses});
    std::printf("%zu answered, %zu resets seen, resident memory %ld KiB warm, %ld KiB at the end\n",
                answered,
                losses.lost,
                warm.memory,
                done.memory);
    bool good = storms::check(answered == count, "every connection is answered");
    good &= storms::check(losses.failures == 0, "no handler fails otherwise");
    good &= storms::check(done.descriptors == warm.descriptors, "no descriptor is left");
    if (storms::memory_counts()) {
        good &= storms::check(done.memory < warm.memory + 1024, "memory does not grow");
    }
    return good;
}

const storms::Registered registered(
    {"connections", "connections opened and closed", 6'000, 500'000, connections});

}  // namespace
