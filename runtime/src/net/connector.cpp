// SPDX-License-Identifier: MIT
#include <eddy/net/connector.hpp>

#include <eddy/error.hpp>
#include <eddy/net/unix.hpp>

namespace eddy::inline v0_1 {

Task<AnyStream> Connector::operator()() const {
    if (call_ == nullptr) {
        throw InvalidState("this Connector was moved from");
    }
    return call_->connect(call_);
}

Connector tcp_connector(std::string host, std::uint16_t port, const ConnectOptions& options) {
    const auto fn = [](const std::string& name, std::uint16_t number, const ConnectOptions& how) {
        return connect(name, number, how);
    };
    return Connector(fn, std::move(host), port, options);
}

Connector tcp_connector(const Address& address) {
    const auto fn = [](const Address& to) { return connect(to); };
    return Connector(fn, address);
}

Connector unix_connector(std::string path) {
    const auto fn = [](const std::string& name) { return connect_unix(name); };
    return Connector(fn, std::move(path));
}

}  // namespace eddy::inline v0_1
