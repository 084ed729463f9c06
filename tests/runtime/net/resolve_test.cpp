// SPDX-License-Identifier: MIT
#include <eddy/net/resolve.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/run.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::Address;
using eddy::AddressFamily;
using eddy::IoError;
using eddy::Task;

EDDY_NET_TEST("a numeric host is its own address") {
    const std::vector<Address> v4 = co_await eddy::resolve("1.2.3.4", 80);
    CHECK(v4 == std::vector<Address>{Address("1.2.3.4", 80)});
    const std::vector<Address> v6 = co_await eddy::resolve("::1", 80);
    CHECK(v6 == std::vector<Address>{Address("::1", 80)});
}

EDDY_NET_TEST("a numeric host with a number as its service is asked of nobody") {
    const std::uint64_t before = eddy::lookup_statistics().started;
    for (const auto& [service, port] : {std::pair("0", 0),
                                        std::pair("80", 80),
                                        std::pair("0443", 443),
                                        std::pair("65535", 65535)}) {
        const std::vector<Address> v4 = co_await eddy::resolve("1.2.3.4", service);
        CHECK(v4 == std::vector<Address>{Address("1.2.3.4", static_cast<std::uint16_t>(port))});
        const std::vector<Address> v6 = co_await eddy::resolve("::1", service);
        CHECK(v6 == std::vector<Address>{Address("::1", static_cast<std::uint16_t>(port))});
    }
    CHECK(eddy::lookup_statistics().started == before);
    for (const char* const service : {"+80", "-1", " 80", "80 ", "0x50", "65536", "80/tcp"}) {
        const std::uint64_t asked = eddy::lookup_statistics().started;
        const auto ended = co_await error_of(eddy::resolve("1.2.3.4", service));
        static_cast<void>(ended);  // the resolver says what that is
        CHECK(eddy::lookup_statistics().started == asked + 1);
    }
}

EDDY_NET_TEST("localhost is a loopback address with the port that was asked for") {
    const std::vector<Address> found = co_await eddy::resolve("localhost", 8080);
    CHECK_FALSE(found.empty());
    for (const Address& address : found) {
        CHECK(address.is_loopback());
        CHECK(address.port() == 8080);
        CHECK(std::count(found.begin(), found.end(), address) == 1);
    }
}

EDDY_NET_TEST("a service may be a number, and a family asked for") {
    const std::vector<Address> found =
        co_await eddy::resolve("127.0.0.1", std::string("443"), {.family = AddressFamily::v4});
    CHECK(found == std::vector<Address>{Address("127.0.0.1", 443)});
    const auto error =
        co_await error_of(eddy::resolve("127.0.0.1", 443, {.family = AddressFamily::v6}));
    CHECK(holds<IoError>(error));
}

EDDY_NET_TEST("a name that is unknown is an error that names it") {
    const auto error = co_await error_of(eddy::resolve(unknown_name, 80));
    CHECK(holds<IoError>(error));
    const IoError io = as<IoError>(error);
    CHECK(std::string(io.what()).find("resolve no..where: ") == 0);
    CHECK(io.code().category() == eddy::resolve_category());
}

EDDY_NET_TEST("names that no resolver should see are refused (CVE-2024-24806)") {
    for (const std::string& name : {std::string(),
                                    std::string(254, 'a'),
                                    std::string(100'000, 'a'),
                                    std::string("a\0b", 3)}) {
        const auto error = co_await error_of(eddy::resolve(name, 80));
        CHECK(holds<std::invalid_argument>(error));
        const auto service = co_await error_of(eddy::resolve("localhost", name));
        CHECK(holds<std::invalid_argument>(service));
    }
}

EDDY_NET_TEST("a lookup that is cancelled lets go at once") {
    eddy::CancelScope scope;
    auto job = eddy::spawn(with_scope(scope, eddy::resolve("localhost", 80)));
    co_await let_run();
    scope.cancel();
    co_await let_run(1);
    const auto found = co_await job;
    CHECK_FALSE(found.has_value());
}

EDDY_NET_TEST("virtual time stands still during a lookup") {
    const auto found = co_await eddy::move_on_after(1ms, eddy::resolve("localhost", 80));
    CHECK(found.has_value());
}

Task<> abandon() {
    eddy::spawn(eddy::shield(eddy::resolve("localhost", 80))).detach();
    co_await let_run();
}

TEST_CASE("a loop that ends while a lookup runs leaves it alone, and it frees itself") {
    for (int i = 0; i < 20; ++i) {
        VirtualClock clock;
        RecordingObserver observer;
        eddy::run(abandon(), {.grace = 0ms}, {.clock = &clock, .observer = &observer});
    }
}

}  // namespace
