// SPDX-License-Identifier: MIT
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/net/any_listener.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connector.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/memory_connector.hpp>
#include <eddy/with_scope.hpp>

// The example of runtime/NETWORK.md, "One type for any stream".

namespace {

using namespace eddy;
using namespace eddy::testing;
using namespace std::chrono_literals;

class TimeClient {
public:
    explicit TimeClient(Connector connector) : connector_(std::move(connector)) {}
    Task<std::string> ask() {
        AnyStream stream = co_await fail_after(5s, connector_());
        BufferedReader reader(stream);
        co_await stream.write_all("time?\n");
        const auto line = co_await reader.read_line();
        co_return line ? std::string(*line) : "nobody knows";
    }

private:
    Connector connector_;
};

Task<> tell_time(AnyStream stream) {
    BufferedReader reader(stream);
    const auto question = co_await reader.read_line();
    if (question == "time?") {
        co_await stream.write_all("noon\n");
    }
}

EDDY_TEST_CASE("a client asks, whatever it is connected by") {
    MemoryListener listener;
    auto serving = spawn(serve(AnyListener(std::ref(listener)), tell_time));
    TimeClient client(memory_connector(listener));
    const std::string answer = co_await client.ask();
    CHECK(answer == "noon");
    listener.close();
    co_await serving;
}

}  // namespace

EDDY_TEST_CASE("a client is made for each way to connect, and connects when it asks") {
    TimeClient by_name(tcp_connector("time.example.com", 7000));
    TimeClient on_this_machine(unix_connector("/run/time"));
    static_cast<void>(by_name);
    bool refused = false;
    try {
        static_cast<void>(co_await on_this_machine.ask());
    } catch (const eddy::IoError&) {  // nobody listens there
        refused = true;
    }
    CHECK(refused);
}
