// SPDX-License-Identifier: MIT
#include <eddy/net/address.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <net/if.h>
#include <ostream>
#include <stdexcept>

namespace eddy::inline v0_1 {

namespace {

/// A copy with the zero at its end that the C functions want.
template <std::size_t N>
class Text final {
public:
    explicit Text(std::string_view text) noexcept
        : fits_(text.size() < N && text.find('\0') == std::string_view::npos) {
        if (fits_) {
            std::copy(text.begin(), text.end(), characters_);
        }
    }
    [[nodiscard]] bool fits() const noexcept { return fits_; }
    [[nodiscard]] const char* c_str() const noexcept { return characters_; }

private:
    char characters_[N] = {};
    bool fits_;
};

template <class Number>
std::optional<Number> number_in(std::string_view text) noexcept {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint32_t> scope_in(std::string_view text) noexcept {
    if (const auto number = number_in<std::uint32_t>(text)) {
        return number;
    }
    const Text<IF_NAMESIZE> name(text);
    const unsigned index = name.fits() && !text.empty() ? if_nametoindex(name.c_str()) : 0;
    return index != 0 ? std::optional<std::uint32_t>(index) : std::nullopt;
}

[[noreturn]] void throw_not_numeric(std::string_view text, const char* wanted) {
    throw std::invalid_argument("Address: \"" + std::string(text) + "\" is not " + wanted +
                                "; names become addresses through resolve()");
}

}  // namespace

Address::Address(std::string_view host, std::uint16_t port) {
    const std::optional<Address> made = try_from(host, port);
    if (!made) {
        throw_not_numeric(host, "a numeric address like 1.2.3.4 or ::1");
    }
    *this = *made;
}

std::optional<Address> Address::try_from(std::string_view host, std::uint16_t port) noexcept {
    Address address;
    address.port_ = port;
    if (host.find(':') == std::string_view::npos) {
        const Text<INET_ADDRSTRLEN> text(host);
        const bool valid =
            text.fits() && inet_pton(AF_INET, text.c_str(), address.bytes_.data()) == 1;
        return valid ? std::optional<Address>(address) : std::nullopt;
    }
    address.family_ = AddressFamily::v6;
    const std::size_t percent = host.find('%');
    if (percent != std::string_view::npos) {
        const auto scope = scope_in(host.substr(percent + 1));
        if (!scope) {
            return std::nullopt;
        }
        address.scope_ = *scope;
    }
    const Text<INET6_ADDRSTRLEN> text(host.substr(0, percent));
    const bool valid = text.fits() && inet_pton(AF_INET6, text.c_str(), address.bytes_.data()) == 1;
    return valid ? std::optional<Address>(address) : std::nullopt;
}

Address Address::parse(std::string_view text) {
    const std::optional<Address> made = try_parse(text);
    if (!made) {
        throw_not_numeric(text, "an address with a port like 1.2.3.4:80 or [::1]:80");
    }
    return *made;
}

std::optional<Address> Address::try_parse(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto port = number_in<std::uint16_t>(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    if (!port || bracketed != (host.find(':') != std::string_view::npos)) {
        return std::nullopt;
    }
    return try_from(host, *port);
}

Address Address::from_bytes(std::span<const std::uint8_t> bytes,
                            std::uint16_t port,
                            std::uint32_t scope) {
    if (bytes.size() != 4 && bytes.size() != 16) {
        throw std::invalid_argument("Address::from_bytes takes 4 or 16 bytes");
    }
    Address address;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    address.port_ = port;
    if (bytes.size() == 16) {
        address.family_ = AddressFamily::v6;
        address.scope_ = scope;
    }
    return address;
}

Address Address::loopback(std::uint16_t port, AddressFamily family) noexcept {
    Address address = any(port, family);
    if (family == AddressFamily::v6) {
        address.bytes_[15] = 1;
    } else {
        address.bytes_[0] = 127;
        address.bytes_[3] = 1;
    }
    return address;
}

Address Address::any(std::uint16_t port, AddressFamily family) noexcept {
    Address address;
    address.family_ = family;
    address.port_ = port;
    return address;
}

bool Address::is_loopback() const noexcept {
    return is_v6() ? bytes_ == loopback(0, AddressFamily::v6).bytes_ : bytes_[0] == 127;
}

bool Address::is_any() const noexcept {
    return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

Address Address::with_port(std::uint16_t port) const noexcept {
    Address other = *this;
    other.port_ = port;
    return other;
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(is_v6() ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
    std::string host = text;
    if (scope_ != 0) {
        host += '%' + std::to_string(scope_);
    }
    return host;
}

std::string Address::to_string() const {
    const std::string port = ':' + std::to_string(port_);
    return is_v6() ? '[' + host() + ']' + port : host() + port;
}

std::ostream& operator<<(std::ostream& out, const Address& address) {
    return out << address.to_string();
}

}  // namespace eddy::inline v0_1

std::size_t std::hash<eddy::Address>::operator()(const eddy::Address& address) const noexcept {
    std::uint64_t value = 0xcbf29ce484222325U;  // FNV-1a
    const auto mix = [&value](std::uint64_t byte) { value = (value ^ byte) * 0x100000001b3U; };
    for (const std::uint8_t byte : address.bytes()) {
        mix(byte);
    }
    mix(address.port());
    mix(address.scope());
    return static_cast<std::size_t>(value);
}
