// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <eddy/net/address.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

class LookupFlight;
class PendingLookup;

/// The wait for getaddrinfo.
class Lookup final : public Waiter {
public:
    /// An empty service leaves the port to the caller. The strings outlive the wait.
    Lookup(const std::string& host,
           const std::string& service,
           const ResolveOptions& options) noexcept
        : host_(host), service_(service), options_(options) {}

    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start();
    /// In the resolver's order, without duplicates. Throws `IoError`.
    [[nodiscard]] std::vector<Address> take();
    [[nodiscard]] const char* what() const noexcept override { return "resolve"; }

private:
    friend class PendingLookup;
    void unlink() noexcept override;
    [[nodiscard]] bool sever() noexcept override {
        unlink();
        return true;
    }
    void pass_on() noexcept override { answer_.reset(); }
    [[noreturn]] void fail(const LookupFlight& answer) const;

    const std::string& host_;
    const std::string& service_;
    const ResolveOptions& options_;
    PendingLookup* request_ = nullptr;  // null once answered
    std::shared_ptr<const LookupFlight> answer_;
};

}  // namespace eddy::inline v0_1::detail
