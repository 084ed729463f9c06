// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <eddy/net/address.hpp>
#include <eddy/task.hpp>

namespace eddy {

struct ResolveOptions {
    std::optional<AddressFamily> family = std::nullopt;  ///< nothing: both
};

/// Looks a name up: the addresses of a host, in the order the system would try them.
///
///     const std::vector<Address> found = co_await resolve("example.com", 443);
///
/// A numeric host is its own address; nobody is asked. `connect(host, port)` does this too.
///
/// Throws:       `std::invalid_argument` for an empty name, one of more than 253 bytes, or one
///               with a zero byte; `IoError` ("resolve nowhere.invalid: unknown node or service")
///               with a code of `resolve_category`, or of the system.
/// Cancellation: at once. A lookup that has begun goes on in libuv's pool, where nobody can stop
///               it, and its answer is dropped. The end of the loop waits for it.
/// Cost:         a thread of libuv's pool; at most half of them look names up.
[[nodiscard]] Task<std::vector<Address>> resolve(std::string host,
                                                 std::uint16_t port,
                                                 ResolveOptions options = {});

/// The same with the name of a service, "https", or a number.
[[nodiscard]] Task<std::vector<Address>> resolve(std::string host,
                                                 std::string service,
                                                 ResolveOptions options = {});

/// Of the errors of lookups: libuv's numbers (UV_EAI_NONAME ...).
[[nodiscard]] const std::error_category& resolve_category() noexcept;

}  // namespace eddy
