// SPDX-License-Identifier: MIT
#include <eddy/net/happy_eyeballs.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::Duration;
using eddy::IoError;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;

const Address six_a("2001:db8::a", 80);
const Address six_b("2001:db8::b", 80);
const Address four_a("192.0.2.1", 80);
const Address four_b("192.0.2.2", 80);

/// A network in which each address answers, or refuses, after some time.
class FakeNetwork final {
public:
    struct Host {
        Duration delay;
        bool answers;
    };
    /// What an attempt yields; knows whether it was dropped.
    class Connection final {
    public:
        Connection(FakeNetwork& net, const Address& to) : network_(&net), address(to) {
            ++network_->open;
        }
        Connection(Connection&& other) noexcept
            : network_(std::exchange(other.network_, nullptr)), address(other.address) {}
        Connection& operator=(Connection&&) = delete;
        ~Connection() {
            if (network_ != nullptr) {
                --network_->open;
            }
        }

    private:
        FakeNetwork* network_;

    public:
        Address address;
    };

    std::map<std::string, Host> hosts;
    std::vector<std::pair<std::string, Duration>> started;  // in order, since the beginning
    int open = 0;
    int cancelled = 0;

    void add(const Address& address, Duration delay, bool answers) {
        hosts.emplace(address.to_string(), Host{delay, answers});
    }

    Task<Connection> connect(Address address) {
        started.emplace_back(address.to_string(), test_clock().now() - begin_);
        const Host host = hosts.at(address.to_string());
        try {
            co_await eddy::sleep_for(host.delay);
        } catch (const eddy::Cancelled&) {
            ++cancelled;
            throw;
        }
        if (!host.answers) {
            throw IoError(std::make_error_code(std::errc::connection_refused),
                          "connect " + address.to_string());
        }
        co_return Connection(*this, address);
    }

    template <class... A>
    Task<Connection> race(const A&... addresses) {
        return race_all(std::vector<Address>{addresses...});
    }

    [[nodiscard]] Duration elapsed() const { return test_clock().now() - begin_; }

private:
    Task<Connection> race_all(std::vector<Address> addresses) {
        begin_ = test_clock().now();
        const auto connector = [this](Address address) { return connect(address); };
        co_return co_await eddy::connect_first(
            std::move(addresses), connector, 250ms, "host.example:80");
    }

    eddy::TimePoint begin_{};
};

TEST_CASE("families take turns, the first one's first") {
    using List = std::vector<Address>;
    CHECK(eddy::interleave_families(List{six_a, six_b, four_a, four_b}) ==
          List{six_a, four_a, six_b, four_b});
    CHECK(eddy::interleave_families(List{four_a, six_a, six_b}) == List{four_a, six_a, six_b});
    CHECK(eddy::interleave_families(List{four_a, four_b}) == List{four_a, four_b});
    CHECK(eddy::interleave_families(List{six_a, four_a, four_b}) == List{six_a, four_a, four_b});
    CHECK(eddy::interleave_families(List{}).empty());
}

EDDY_TEST_CASE("an address that answers in time is the only one tried") {
    FakeNetwork network;
    network.add(six_a, 249ms, true);
    network.add(four_a, 1ms, true);
    const auto won = co_await network.race(six_a, four_a);
    CHECK(won.address == six_a);
    CHECK(network.started.size() == 1);
    CHECK(network.elapsed() == 249ms);
}

EDDY_TEST_CASE("the next address is tried when the first has not answered for 250 ms") {
    FakeNetwork network;
    network.add(six_a, 10s, true);
    network.add(four_a, 30ms, true);
    const auto won = co_await network.race(six_a, four_a);
    CHECK(won.address == four_a);
    REQUIRE(network.started.size() == 2);
    CHECK(network.started[1].second == 250ms);
    CHECK(network.elapsed() == 280ms);
    CHECK(network.cancelled == 1);
    CHECK(network.open == 1);
}

EDDY_TEST_CASE("a slow first address can still win") {
    FakeNetwork network;
    network.add(six_a, 300ms, true);
    network.add(four_a, 100ms, true);  // would answer at 350 ms
    const auto won = co_await network.race(six_a, four_a);
    CHECK(won.address == six_a);
    CHECK(network.elapsed() == 300ms);
    CHECK(network.cancelled == 1);
}

EDDY_TEST_CASE("a failure starts the next attempt at once") {
    FakeNetwork network;
    network.add(six_a, 10ms, false);
    network.add(four_a, 20ms, false);
    network.add(six_b, 5ms, true);
    const auto won = co_await network.race(six_a, four_a, six_b);
    CHECK(won.address == six_b);
    REQUIRE(network.started.size() == 3);
    CHECK(network.started[1].second == 10ms);
    CHECK(network.started[2].second == 30ms);
    CHECK(network.elapsed() == 35ms);
}

EDDY_TEST_CASE("attempts follow each other every 250 ms, however many run") {
    FakeNetwork network;
    network.add(six_a, 1h, true);
    network.add(four_a, 1h, true);
    network.add(six_b, 1h, true);
    network.add(four_b, 1s, true);
    const auto won = co_await network.race(six_a, four_a, six_b, four_b);
    CHECK(won.address == four_b);
    REQUIRE(network.started.size() == 4);
    CHECK(network.started[3].second == 750ms);
    CHECK(network.elapsed() == 1750ms);
    CHECK(network.cancelled == 3);
}

EDDY_TEST_CASE("two answers in the same instant: one wins, the other is dropped") {
    FakeNetwork network;
    network.add(six_a, 300ms, true);
    network.add(four_a, 50ms, true);
    const auto won = co_await network.race(six_a, four_a);
    CHECK(network.elapsed() == 300ms);
    CHECK(network.open == 1);
}

EDDY_TEST_CASE("when all fail, one error tells of each") {
    FakeNetwork network;
    network.add(six_a, 10ms, false);
    network.add(four_a, 10ms, false);
    const auto error = co_await error_of(network.race(six_a, four_a));
    CHECK(holds<IoError>(error));
    const IoError io = as<IoError>(error);
    CHECK(io.code() == std::errc::connection_refused);
    const std::string text = io.what();
    CHECK(text.find("connect host.example:80") == 0);
    CHECK(text.find(six_a.to_string()) != std::string::npos);
    CHECK(text.find(four_a.to_string()) != std::string::npos);
}

EDDY_TEST_CASE("the only address's failure comes out as it is") {
    FakeNetwork network;
    network.add(six_a, 10ms, false);
    const auto error = co_await error_of(network.race(six_a));
    CHECK(std::string(as<IoError>(error).what()).find("connect " + six_a.to_string()) == 0);
    const auto none = co_await error_of(network.race());
    CHECK(holds<std::invalid_argument>(none));
}

EDDY_TEST_CASE("cancelling the race cancels every attempt") {
    FakeNetwork network;
    network.add(six_a, 1h, true);
    network.add(four_a, 1h, true);
    const auto won = co_await eddy::move_on_after(400ms, network.race(six_a, four_a));
    CHECK_FALSE(won.has_value());
    CHECK(network.cancelled == 2);
    CHECK(network.open == 0);
}

EDDY_TEST_CASE("a connector may fail with whatever it likes, and the message has it") {
    const auto connector = [](Address) -> Task<int> {
        throw std::runtime_error("no such network");
        co_return 0;
    };
    const std::vector<Address> both = {four_a, four_b};
    std::string text;
    try {
        static_cast<void>(co_await eddy::connect_first(both, connector, 1ms, "somewhere"));
    } catch (const IoError& error) {
        text = error.what();
    }
    CHECK(text.find("192.0.2.1:80: no such network") != std::string::npos);
    CHECK(text.find("192.0.2.2:80: no such network") != std::string::npos);
}

EDDY_NET_TEST("connecting to a name finds who listens") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    TcpStream client = co_await eddy::connect("localhost", listener.local_address().port());
    TcpStream server = co_await listener.accept();
    co_await client.write_all("found");
    const std::string text = co_await read_text(server);
    CHECK(text == "found");
}

EDDY_NET_TEST("connecting to a name where nobody listens is refused, one that is unknown too") {
    TcpListener listener = TcpListener::listen(Address::loopback(0));
    const std::uint16_t port = listener.local_address().port();
    listener.close();
    const auto refused = co_await error_of(eddy::connect("localhost", port));
    CHECK(holds<IoError>(refused));
    CHECK(as<IoError>(refused).code() == std::errc::connection_refused);
    const auto unknown = co_await error_of(eddy::connect(unknown_name, 80));
    CHECK(holds<IoError>(unknown));
}

}  // namespace
