// SPDX-License-Identifier: MIT
#include <eddy/net/resolve.hpp>

#include <charconv>
#include <stdexcept>
#include <string_view>

#include <uv.h>

#include <eddy/yield.hpp>

#include "net/idna.hpp"
#include "net/lookup.hpp"

namespace eddy::inline v0_1 {

namespace {

/// What a lookup fails with, apart from errors of the system.
class ResolveCategory final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolve"; }
    [[nodiscard]] std::string message(int code) const override { return uv_strerror(code); }
};

void check_name(std::string_view name, const char* kind) {
    if (name.empty() || name.size() > detail::longest_name ||
        name.find('\0') != std::string_view::npos) {
        throw std::invalid_argument(std::string("resolve: a ") + kind +
                                    " has 1 to 253 bytes, none of them zero");
    }
}

std::optional<Address> numeric(const std::string& host, const ResolveOptions& options) {
    std::optional<Address> address = Address::try_from(host, 0);
    if (address && options.family && *options.family != address->family()) {
        address.reset();  // the resolver says what is wrong with that
    }
    return address;
}

/// Decimal digits, up to 65535.
std::optional<std::uint16_t> numeric(std::string_view service) {
    std::uint16_t port = 0;
    const auto [end, error] =
        std::from_chars(service.data(), service.data() + service.size(), port);
    const bool whole = error == std::errc() && end == service.data() + service.size();
    return whole ? std::optional(port) : std::nullopt;
}

std::vector<Address> itself(const Address& number, std::uint16_t port) {
    return std::vector<Address>(1, number.with_port(port));
}

}  // namespace

const std::error_category& resolve_category() noexcept {
    static const ResolveCategory category;
    return category;
}

Task<std::vector<Address>> resolve(std::string host, std::uint16_t port, ResolveOptions options) {
    co_await checkpoint();
    check_name(host, "host name");
    const std::optional<Address> number = numeric(host, options);
    if (number) {
        co_return itself(*number, port);
    }
    const std::string no_service;
    std::vector<Address> addresses = co_await detail::Lookup(host, no_service, options);
    for (Address& address : addresses) {
        address = address.with_port(port);
    }
    co_return addresses;
}

Task<std::vector<Address>> resolve(std::string host, std::string service, ResolveOptions options) {
    co_await checkpoint();
    check_name(host, "host name");
    check_name(service, "service name");
    const std::optional<Address> number = numeric(host, options);
    const std::optional<std::uint16_t> port = numeric(service);
    if (number && port) {
        co_return itself(*number, *port);
    }
    co_return co_await detail::Lookup(host, service, options);
}

}  // namespace eddy::inline v0_1
