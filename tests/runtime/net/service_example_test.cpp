// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/with_scope.hpp>

// The example of runtime/NETWORK.md, "Testing a service".

namespace {

using namespace std::chrono_literals;
using namespace eddy;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;

template <Stream S>
Task<> greet(S stream) {
    BufferedReader reader(stream);
    const auto name = co_await move_on_after(10s, reader.read_line());
    if (name && *name) {
        co_await stream.write_all("hello, " + std::string(**name) + "\n");
    }
}

EDDY_TEST_CASE("who says nothing for ten seconds is disconnected") {
    MemoryListener listener;
    auto serving = spawn(serve(listener, greet<MemoryStream>));
    MemoryStream client = listener.connect();
    std::array<std::byte, 64> buffer{};
    const std::size_t length = co_await client.read_some(buffer);  // ten seconds, and no time
    CHECK(length == 0);
    listener.close();
    co_await serving;
}

}  // namespace
