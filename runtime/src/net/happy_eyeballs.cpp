// SPDX-License-Identifier: MIT
#include <eddy/net/happy_eyeballs.hpp>

#include <stdexcept>
#include <system_error>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

std::vector<Address> interleave_families(std::span<const Address> addresses) {
    std::vector<Address> result;
    result.reserve(addresses.size());
    std::size_t next[2] = {0, 0};  // of each family, where to look on
    bool v6 = !addresses.empty() && addresses.front().is_v6();
    while (result.size() < addresses.size()) {
        std::size_t& place = next[v6 ? 1 : 0];
        while (place < addresses.size() && addresses[place].is_v6() != v6) {
            ++place;
        }
        if (place < addresses.size()) {
            result.push_back(addresses[place++]);
        }
        v6 = !v6;
    }
    return result;
}

namespace detail {

namespace {

/// Says the reason of a failure, and notes its code if it has one.
std::string reason_of(const FailedAttempt& failure, std::error_code& code) {
    try {
        std::rethrow_exception(failure.error);
    } catch (const IoError& error) {
        code = error.code();
        return failure.address.to_string() + ": " + error.code().message();
    } catch (const std::exception& error) {
        return failure.address.to_string() + ": " + error.what();
    }
}

}  // namespace

void throw_all_failed(std::string_view target, std::span<const FailedAttempt> failures) {
    if (failures.empty()) {
        throw std::invalid_argument("connect: there is no address to connect to");
    }
    if (failures.size() == 1) {
        std::rethrow_exception(failures.front().error);
    }
    std::error_code code = std::make_error_code(std::errc::host_unreachable);
    std::string reasons;
    for (const FailedAttempt& failure : failures) {
        reasons += (reasons.empty() ? "" : "; ") + reason_of(failure, code);
    }
    const std::string name = target.empty() ? "" : ' ' + std::string(target);
    throw IoError(code, "connect" + name + " (" + reasons + ")");
}

}  // namespace detail
}  // namespace eddy::inline v0_1
