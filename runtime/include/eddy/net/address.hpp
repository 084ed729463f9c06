// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

enum class AddressFamily : std::uint8_t { v4, v6 };

/// An IPv4 or IPv6 address with its port: a value, 24 bytes.
///
/// Numbers only; a name becomes addresses through `resolve`. Sockets in the file system have paths,
/// see `UnixStream`.
///
///     const Address local = Address::loopback(8080);
///     const Address other = Address::parse("[fe80::1%eth0]:80");
///     log(other.to_string());                             // "[fe80::1%2]:80"
///
/// Threading: a value, any thread.
class EDDY_API Address final {
public:
    /// 0.0.0.0:0
    constexpr Address() noexcept = default;

    /// `host` is a numeric address: "1.2.3.4", "::1", "fe80::1%eth0" or "fe80::1%2".
    ///
    /// Throws: `std::invalid_argument` for anything else, names included.
    Address(std::string_view host, std::uint16_t port);
    [[nodiscard]] static std::optional<Address> try_from(std::string_view host,
                                                         std::uint16_t port) noexcept;

    /// Reads "1.2.3.4:80" or "[::1]:80": what `to_string` writes.
    ///
    /// Throws: `std::invalid_argument`.
    [[nodiscard]] static Address parse(std::string_view text);
    [[nodiscard]] static std::optional<Address> try_parse(std::string_view text) noexcept;

    /// Bytes in network order: 4 of them for IPv4, 16 for IPv6.
    ///
    /// Throws: `std::invalid_argument` for another number of bytes.
    [[nodiscard]] static Address from_bytes(std::span<const std::uint8_t> bytes,
                                            std::uint16_t port,
                                            std::uint32_t scope = 0);

    /// This machine only.
    [[nodiscard]] static Address loopback(std::uint16_t port,
                                          AddressFamily family = AddressFamily::v4) noexcept;
    /// To listen on every interface.
    [[nodiscard]] static Address any(std::uint16_t port,
                                     AddressFamily family = AddressFamily::v4) noexcept;

    [[nodiscard]] AddressFamily family() const noexcept { return family_; }
    [[nodiscard]] bool is_v6() const noexcept { return family_ == AddressFamily::v6; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// The interface of a link-local IPv6 address, else 0.
    [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return std::span(bytes_).first(is_v6() ? 16 : 4);
    }
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_any() const noexcept;

    /// The same address with another port.
    [[nodiscard]] Address with_port(std::uint16_t port) const noexcept;

    /// "1.2.3.4" or "fe80::1%2".
    [[nodiscard]] std::string host() const;
    /// "1.2.3.4:80" or "[fe80::1%2]:80".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Address&, const Address&) noexcept = default;

private:
    // Invariant: of an IPv4 address, all but the first 4 bytes and the scope are zero.
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
    std::uint16_t port_ = 0;
    AddressFamily family_ = AddressFamily::v4;
};

EDDY_API std::ostream& operator<<(std::ostream& out, const Address& address);

}  // namespace eddy::inline v0_1

template <>
struct std::hash<eddy::Address> {
    [[nodiscard]] EDDY_API std::size_t operator()(const eddy::Address& address) const noexcept;
};
