// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <malloc.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/channel.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/queue.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>

#include "bench.hpp"

/// What is left of the heap when much has gone through.
namespace bench::scale {

[[nodiscard]] inline double heap_in_use() noexcept {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

struct Burst {
    double nanos = 0;  // an item, there and back
    double peak = 0;   // bytes
    double kept = 0;
};

inline Burst queue_burst(int items) {
    Burst burst;
    eddy::run([](int count, Burst& result) -> eddy::Task<> {
        eddy::Queue<std::size_t> queue(eddy::unbounded);
        const double before = heap_in_use();
        const double start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < count; ++i) {
            co_await queue.put(1);
        }
        result.peak = heap_in_use() - before;
        for (int i = 0; i < count; ++i) {
            co_await queue.get();
        }
        result.nanos = (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start) / count;
        result.kept = heap_in_use() - before;
    }(items, burst));
    return burst;
}

inline Burst channel_burst(int items) {
    Burst burst;
    eddy::run([](int count, Burst& result) -> eddy::Task<> {
        auto [sender, receiver] = eddy::open_channel<std::size_t>(eddy::unbounded);
        const double before = heap_in_use();
        const double start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < count; ++i) {
            co_await sender.send(1);
        }
        result.peak = heap_in_use() - before;
        for (int i = 0; i < count; ++i) {
            co_await receiver.receive();
        }
        result.nanos = (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start) / count;
        result.kept = heap_in_use() - before;
    }(items, burst));
    return burst;
}

struct IdleReader {
    eddy::TcpStream client;
    eddy::TcpStream server;
};

inline eddy::Task<> read_lines(eddy::TcpStream& stream) {
    eddy::BufferedReader reader(stream);
    while (true) {
        const auto line = co_await reader.read_line();
        if (!line) {
            break;
        }
    }
}

/// Bytes for the job, the reader and its buffer of each of `count` connections that wait in
/// `read_line`, after each has read one line of that length.
inline double idle_reader(int count, std::size_t length) {
    double each = 0;
    eddy::run([](int connections, std::size_t size, double& result) -> eddy::Task<> {
        auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
        std::deque<IdleReader> all;
        std::vector<eddy::JoinHandle<void>> jobs;
        for (int i = 0; i < connections; ++i) {
            eddy::TcpStream client = co_await eddy::connect(listener.local_address());
            eddy::TcpStream server = co_await listener.accept();
            all.push_back({std::move(client), std::move(server)});
        }
        const double before = heap_in_use();
        jobs.reserve(all.size());
        for (IdleReader& one : all) {
            jobs.push_back(eddy::spawn(read_lines(one.server)));
        }
        const std::string text = std::string(size, 'x') + '\n';
        for (IdleReader& one : all) {
            co_await one.client.write_all(std::string_view(text));
        }
        co_await eddy::sleep_for(std::chrono::milliseconds(200));
        result = (heap_in_use() - before) / connections;
        for (IdleReader& one : all) {
            one.client.close();
        }
        for (auto& job : jobs) {
            co_await job;
        }
    }(count, length, each));
    return each;
}

}  // namespace bench::scale
