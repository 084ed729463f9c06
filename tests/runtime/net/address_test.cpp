// SPDX-License-Identifier: MIT
#include <eddy/net/address.hpp>

#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include <doctest/doctest.h>

namespace {

using eddy::Address;
using eddy::AddressFamily;

TEST_CASE("an address reads what it writes") {
    for (const char* text : {"1.2.3.4:80",
                             "0.0.0.0:0",
                             "255.255.255.255:65535",
                             "[::1]:80",
                             "[::]:0",
                             "[2001:db8::ff00:42:8329]:443",
                             "[fe80::1%7]:22",
                             "[::ffff:1.2.3.4]:5"}) {
        CAPTURE(text);
        CHECK(Address::parse(text).to_string() == text);
    }
}

TEST_CASE("an address is refused when it is not one") {
    for (const char* text : {"",
                             ":80",
                             "1.2.3.4",
                             "1.2.3.4:",
                             "1.2.3.4:65536",
                             "1.2.3.4:-1",
                             "1.2.3.4:8o",
                             "1.2.3.4: 80",
                             "1.2.3:80",
                             "1.2.3.4.5:80",
                             "01.2.3.4:80",
                             "256.2.3.4:80",
                             "::1:80",
                             "[::1]",
                             "[::1]80",
                             "[1.2.3.4]:80",
                             "[::1:80",
                             "::1]:80",
                             "[::g]:80",
                             "[fe80::1%]:80",
                             "[fe80::1%no-such-interface]:80",
                             "localhost:80",
                             "[]:80"}) {
        CAPTURE(text);
        CHECK_FALSE(Address::try_parse(text).has_value());
        CHECK_THROWS_AS(static_cast<void>(Address::parse(text)), std::invalid_argument);
    }
    const std::string zero("1.2.3.4\0x:80", 12);
    CHECK_FALSE(Address::try_parse(zero).has_value());
}

TEST_CASE("an address is made of a numeric host and a port") {
    CHECK(Address("127.0.0.1", 80) == Address::loopback(80));
    CHECK(Address("::1", 80) == Address::loopback(80, AddressFamily::v6));
    CHECK(Address("::", 0) == Address::any(0, AddressFamily::v6));
    CHECK(Address() == Address::any(0));
    CHECK_THROWS_AS(Address("localhost", 80), std::invalid_argument);
    CHECK_FALSE(Address::try_from("[::1]", 80).has_value());
    CHECK(Address("fe80::1%lo", 1).scope() != 0);
    CHECK(Address("fe80::1%4", 1).scope() == 4);
}

TEST_CASE("an address knows what it is") {
    const Address v4("10.0.0.7", 81);
    CHECK(v4.family() == AddressFamily::v4);
    CHECK_FALSE(v4.is_v6());
    CHECK(v4.port() == 81);
    CHECK(v4.bytes().size() == 4);
    CHECK(v4.bytes()[3] == 7);
    CHECK_FALSE(v4.is_loopback());
    CHECK_FALSE(v4.is_any());
    const Address v6("::1", 82);
    CHECK(v6.bytes().size() == 16);
    CHECK(v6.is_loopback());
    CHECK(Address("127.9.9.9", 1).is_loopback());
    CHECK(Address::any(5).is_any());
    CHECK(Address::any(5, AddressFamily::v6).is_any());
    CHECK(v6.host() == "::1");
}

TEST_CASE("an address is made of bytes, and rebuilt from them") {
    for (const char* text : {"1.2.3.4:80", "[fe80::1%7]:22"}) {
        const Address address = Address::parse(text);
        CHECK(Address::from_bytes(address.bytes(), address.port(), address.scope()) == address);
    }
    const std::array<std::uint8_t, 5> five{};
    CHECK_THROWS_AS(static_cast<void>(Address::from_bytes(five, 1)), std::invalid_argument);
}

TEST_CASE("addresses are equal when all of them is, and hash alike") {
    const Address address("1.2.3.4", 80);
    CHECK(address == Address::parse("1.2.3.4:80"));
    CHECK(address != address.with_port(81));
    CHECK(address != Address("1.2.3.5", 80));
    CHECK(Address("::1.2.3.4", 80) != address);
    CHECK(Address("fe80::1%1", 80) != Address("fe80::1%2", 80));
    std::unordered_set<Address> set{address, Address("1.2.3.4", 80), address.with_port(81)};
    CHECK(set.size() == 2);
    CHECK(std::hash<Address>()(Address("fe80::1%1", 80)) !=
          std::hash<Address>()(Address("fe80::1%2", 80)));
}

TEST_CASE("an address is printed as it is written") {
    std::ostringstream out;
    out << Address("::1", 80);
    CHECK(out.str() == "[::1]:80");
}

}  // namespace
