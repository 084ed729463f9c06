// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/net/serve.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/stream_contract.hpp>

/// Handlers and clients for the tests of `serve`.

namespace serve_kit {

using namespace std::chrono_literals;
using eddy::serve;
using eddy::Server;
using eddy::ServeStatistics;
using eddy::Task;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::settle;
using eddy::testing::stream_contract::Ending;
using eddy::testing::stream_contract::read_text;
using eddy::testing::stream_contract::reads;

inline Task<> echo(MemoryStream stream) {
    std::array<std::byte, 64> buffer{};
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

/// Holds its connection for a minute.
inline Task<> holds(MemoryStream stream) {
    co_await eddy::sleep_for(1min);
    co_await stream.write_all("done");
}

inline Task<> fails(MemoryStream) {
    throw std::runtime_error("bad request");
    co_return;
}

inline Task<bool> answers(MemoryStream& client) {
    co_await client.write_all("ping");
    const std::string answer = co_await read_text(client, 4);
    co_return answer == "ping";
}

inline std::vector<MemoryStream> connect(MemoryListener& listener, int count) {
    std::vector<MemoryStream> clients;
    for (int i = 0; i < count; ++i) {
        clients.push_back(listener.connect());
    }
    return clients;
}

inline Task<long> milliseconds_of(Task<> work) {
    const eddy::TimePoint begun = eddy::now();
    co_await std::move(work);
    co_return std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now() - begun).count();
}

}  // namespace serve_kit
