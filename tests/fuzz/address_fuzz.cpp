// SPDX-License-Identifier: MIT
// Addresses and host names out of any text.
//
// Laws:
// - a text is an address or is refused: `try_parse` empty, `parse` throws `std::invalid_argument`;
// - an address has the bytes that `inet_pton` finds, and none that it takes is refused; the C
//   library's `getaddrinfo` takes each that we take, with the same bytes and interface;
// - a port is 0 to 65535 in digits;
// - what is written of an address is read as the same address, and equal ones have equal hashes;
// - a host name is UTF-8 or `std::invalid_argument`; what the resolver gets of it is ASCII, decodes
//   to the name again (Punycode), is the name itself if that was ASCII, and 253 bytes at most;
// - `resolve` takes a numeric host for its own address, and refuses an empty one, one with a zero
//   byte and one that is longer, before anybody is asked.
//
// Mistakes: port_signed no_brackets puny_bias
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <netdb.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include <eddy/net/address.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>

#include "../../runtime/src/net/idna.hpp"
#include "fuzz.hpp"

using eddy::Address;
using eddy::AddressFamily;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// --- numbers -----------------------------------------------------------------------------------

/// The C library's opinion; empty if it refuses the text.
std::optional<std::vector<std::uint8_t>> bytes_of(std::string_view host) {
    if (has_zero(host)) {
        return std::nullopt;
    }
    const std::string text(host);
    std::vector<std::uint8_t> bytes(16);
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
        return bytes;
    }
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
        bytes.resize(4);
        return bytes;
    }
    return std::nullopt;
}

/// What connections would be made to.
void check_getaddrinfo(const Address& address, std::string_view host) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const std::string text(host);
    if (getaddrinfo(text.c_str(), nullptr, &hints, &list) != 0) {
        // A name of an interface beside an address that is the same on all of them.
        FUZZ_REQUIRE(host.find('%') != std::string_view::npos);
        return;
    }
    const std::span<const std::uint8_t> bytes = address.bytes();
    if (address.is_v6()) {
        sockaddr_in6 found{};
        std::memcpy(&found, list->ai_addr, sizeof found);
        FUZZ_REQUIRE(list->ai_family == AF_INET6);
        FUZZ_REQUIRE(std::equal(bytes.begin(), bytes.end(), found.sin6_addr.s6_addr));
        FUZZ_REQUIRE(address.scope() == found.sin6_scope_id);
    } else {
        sockaddr_in found{};
        std::memcpy(&found, list->ai_addr, sizeof found);
        FUZZ_REQUIRE(list->ai_family == AF_INET);
        FUZZ_REQUIRE(std::memcmp(bytes.data(), &found.sin_addr, 4) == 0);
    }
    freeaddrinfo(list);
}

void check_written(const Address& address) {
    std::string text = address.to_string();
    if (planted("no_brackets")) {
        std::erase(text, '[');
        std::erase(text, ']');
    }
    const std::optional<Address> again = Address::try_parse(text);
    FUZZ_REQUIRE(again && *again == address);
    FUZZ_REQUIRE(again->to_string() == address.to_string());
    FUZZ_REQUIRE(std::hash<Address>()(*again) == std::hash<Address>()(address));
    const std::optional<Address> host = Address::try_from(address.host(), address.port());
    FUZZ_REQUIRE(host && *host == address);
    const Address copy = Address::from_bytes(address.bytes(), address.port(), address.scope());
    FUZZ_REQUIRE(copy == address);
    const bool zero = std::ranges::all_of(address.bytes(), [](auto byte) { return byte == 0; });
    FUZZ_REQUIRE(address.is_any() == zero);
}

void check_host(std::string_view host, std::uint16_t port) {
    const std::optional<Address> address = Address::try_from(host, port);
    bool thrown = false;
    try {
        const Address same(host, port);
        FUZZ_REQUIRE(address && same == *address);
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    FUZZ_REQUIRE(thrown == !address);
    const std::size_t percent = host.find('%');
    const auto bytes = bytes_of(host.substr(0, percent));
    if (percent == std::string_view::npos) {
        FUZZ_REQUIRE(address.has_value() == bytes.has_value());
    }
    if (address) {
        FUZZ_REQUIRE(bytes && std::ranges::equal(*bytes, address->bytes()));
        FUZZ_REQUIRE(address->port() == port);
        FUZZ_REQUIRE(address->is_v6() || percent == std::string_view::npos);
        check_getaddrinfo(*address, host);
        check_written(*address);
    }
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    unsigned long value = 0;
    if (planted("port_signed") && text.starts_with('-')) {
        text.remove_prefix(1);
    }
    for (const char digit : text) {
        if (digit < '0' || digit > '9') {
            return std::nullopt;
        }
        value = std::min(value * 10 + static_cast<unsigned long>(digit - '0'), 100'000UL);
    }
    if (text.empty() || value > 65535) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(value);
}

void check_address(std::string_view text) {
    const std::optional<Address> address = Address::try_parse(text);
    bool thrown = false;
    try {
        const Address same = Address::parse(text);
        FUZZ_REQUIRE(address && same == *address);
    } catch (const std::invalid_argument&) {
        thrown = true;
    }
    FUZZ_REQUIRE(thrown == !address);

    // In two steps: what is in front of the last colon, and behind it.
    const std::size_t colon = std::min(text.rfind(':'), text.size());
    std::string_view host = text.substr(0, colon);
    const auto port = port_of(colon == text.size() ? "" : text.substr(colon + 1));
    const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 1;
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    const bool right = bracketed == (host.find(':') != std::string_view::npos);
    const auto expected = right && port ? Address::try_from(host, *port) : std::nullopt;
    FUZZ_REQUIRE(address == expected);
    if (address) {
        check_written(*address);
    }
}

// --- names -------------------------------------------------------------------------------------

using Characters = std::u32string;

/// Strict: nothing longer than needed, no surrogates, nothing past the last code point.
std::optional<Characters> characters_of(std::string_view text) {
    Characters characters;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) -> std::uint32_t {
            return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0U;
        };
        const std::uint32_t first = byte(i);
        std::size_t length = 1;
        std::uint32_t point = first;
        std::uint32_t least = 0;
        if (first >= 0xF0) {
            length = 4, point = first & 0x07U, least = 0x10000;
        } else if (first >= 0xE0) {
            length = 3, point = first & 0x0FU, least = 0x800;
        } else if (first >= 0x80) {
            length = 2, point = first & 0x1FU, least = 0x80;
        }
        if (first >= 0xF8 || (first >= 0x80 && first < 0xC0)) {
            return std::nullopt;
        }
        for (std::size_t k = 1; k < length; ++k) {
            if ((byte(i + k) & 0xC0U) != 0x80) {
                return std::nullopt;
            }
            point = point * 64 + (byte(i + k) & 0x3FU);
        }
        if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
            return std::nullopt;
        }
        characters += static_cast<char32_t>(point);
        i += length;
    }
    return characters;
}

/// RFC 3492, section 6.2, as it stands there.
Characters decode_punycode(std::string_view text) {
    Characters output;
    const std::size_t dash = text.rfind('-');
    for (const char basic : text.substr(0, dash == std::string_view::npos ? 0 : dash)) {
        output += static_cast<char32_t>(basic);
    }
    text.remove_prefix(dash == std::string_view::npos ? 0 : dash + 1);
    std::uint64_t n = 128;
    std::uint64_t i = 0;
    std::uint64_t bias = planted("puny_bias") ? 60 : 72;
    while (!text.empty()) {
        const std::uint64_t before = i;
        std::uint64_t weight = 1;
        for (std::uint64_t k = 36;; k += 36) {
            FUZZ_REQUIRE(!text.empty());
            const char digit = text.front();
            text.remove_prefix(1);
            FUZZ_REQUIRE((digit >= 'a' && digit <= 'z') || (digit >= '0' && digit <= '9'));
            const auto value =
                static_cast<std::uint64_t>(digit >= 'a' ? digit - 'a' : digit - '0' + 26);
            i += value * weight;
            const std::uint64_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
            if (value < threshold) {
                break;
            }
            weight *= 36 - threshold;
        }
        const std::uint64_t points = output.size() + 1;
        std::uint64_t delta = before == 0 ? i / 700 : (i - before) / 2;
        delta += delta / points;
        std::uint64_t k = 0;
        for (; delta > 35 * 26 / 2; k += 36) {
            delta /= 35;
        }
        bias = k + 36 * delta / (delta + 38);
        n += i / points;
        i %= points;
        FUZZ_REQUIRE(n <= 0x10FFFF);
        output.insert(output.begin() + static_cast<std::ptrdiff_t>(i), static_cast<char32_t>(n));
        ++i;
    }
    return output;
}

/// The labels of a name as the resolver gets it.
Characters decoded(std::string_view name, const std::vector<bool>& is_encoded) {
    Characters characters;
    std::size_t label_number = 0;
    while (true) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        const std::string_view label = name.substr(0, dot);
        FUZZ_REQUIRE(label_number < is_encoded.size());
        if (is_encoded[label_number++]) {
            FUZZ_REQUIRE(label.starts_with("xn--"));
            characters += decode_punycode(label.substr(4));
        } else {
            characters.append(label.begin(), label.end());
        }
        if (dot == name.size()) {
            return characters;
        }
        characters += U'.';
        name.remove_prefix(dot + 1);
    }
}

void check_name(std::string_view name) {
    std::optional<Characters> expected = characters_of(name);
    const bool plain = std::ranges::all_of(name, [](char one) { return (one & '\x80') == 0; });
    std::optional<std::string> ascii;
    try {
        ascii = eddy::detail::to_ascii_name(name);
    } catch (const std::invalid_argument&) {
        FUZZ_REQUIRE(!expected || (!plain && name.size() > 40));  // or it becomes too long
        return;
    }
    FUZZ_REQUIRE(expected.has_value());
    FUZZ_REQUIRE(ascii->size() <= 253);
    std::vector<bool> is_encoded(1, false);
    for (char32_t& one : *expected) {
        if (one == U'\u3002' || one == U'\uFF0E' || one == U'\uFF61') {
            one = U'.';
        }
        if (one == U'.') {
            is_encoded.push_back(false);
        } else if (one >= 128) {
            is_encoded.back() = true;
        }
    }
    FUZZ_REQUIRE(decoded(*ascii, is_encoded) == *expected);
    FUZZ_REQUIRE(!plain || *ascii == name);
}

/// Only of names about which nobody has to be asked.
void check_resolve(std::string_view name, std::uint16_t port) {
    const std::optional<Address> number = Address::try_from(name, port);
    const bool refused = name.empty() || name.size() > 253 || has_zero(name);
    if (!number && !refused) {
        return;
    }
    try {
        const std::vector<Address> found = eddy::run(eddy::resolve(std::string(name), port));
        FUZZ_REQUIRE(number && found.size() == 1 && found.front() == *number);
    } catch (const std::invalid_argument&) {
        FUZZ_REQUIRE(refused);
    }
}

/// An address of its bytes: random text is seldom one.
std::string built(Bytes& input) {
    std::array<std::uint8_t, 16> bytes{};
    const bool v6 = input.flag();
    const auto port = static_cast<std::uint16_t>(input.take_u64(2));
    const auto scope = static_cast<std::uint32_t>(input.take_u64(input.flag() ? 4 : 0));
    const std::span<const std::uint8_t> given = input.take(v6 ? 16 : 4);
    std::copy(given.begin(), given.end(), bytes.begin());
    const Address address = Address::from_bytes(std::span(bytes).first(v6 ? 16 : 4), port, scope);
    check_written(address);
    std::string text = input.flag() ? address.to_string() : address.host();
    if (!input.empty()) {
        constexpr std::string_view likely = "0123456789abcdef:.[]%-+/ ";
        const std::size_t at = input.pick_index(text.size());
        const char one = likely[input.pick_index(likely.size())];
        input.flag() ? void(text[at] = one) : void(text.insert(at, 1, one));
    }
    return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    const std::uint8_t what = input.take_u8();
    const std::string text(what % 2 == 0 ? std::string(input.rest_text()) : built(input));
    const auto port = static_cast<std::uint16_t>(what * 257);
    check_address(text);
    check_host(text, port);
    if (text.size() <= 253) {
        check_name(text);
    }
    check_resolve(text, port);
    return 0;
}
