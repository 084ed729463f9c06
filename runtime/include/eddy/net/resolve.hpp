// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <eddy/detail/export.hpp>
#include <eddy/net/address.hpp>
#include <eddy/task.hpp>

namespace eddy::inline v0_1 {

struct EDDY_VISIBLE ResolveOptions {
    std::optional<AddressFamily> family = std::nullopt;  ///< nothing: both
};

/// Looks a name up: the addresses of a host, in the order the system would try them.
///
///     const std::vector<Address> found = co_await resolve("example.com", 443);
///
/// A numeric host is its own address; nobody is asked, and no thread is needed. `connect(host,
/// port)` does this too.
///
/// Throws:       `std::invalid_argument` for an empty name, one of more than 253 bytes, as given or
///               with its letters beyond ASCII encoded, or one with a zero byte or that is no
///               UTF-8; `IoError` ("resolve nowhere.invalid: unknown node or service") with a code
///               of `resolve_category`, or of the system:
///               `resource_unavailable_try_again` when no thread could be started,
///               `no_buffer_space` when 1,024 lookups wait for one already.
/// Cancellation: at once. The call of the system's resolver, which nobody can stop, goes on alone,
///               and its answer is dropped. Neither the end of the loop nor that of the process
///               waits for it.
/// Cost:         a thread while it lasts, one of 16 for all loops together: the 17th lookup waits
///               for one of the others. They are started when they are needed, and end when there
///               was nothing for them to do for ten seconds.
[[nodiscard]] EDDY_API Task<std::vector<Address>> resolve(std::string host,
                                                          std::uint16_t port,
                                                          ResolveOptions options = {});

/// The same with the name of a service, "https", or a number.
[[nodiscard]] EDDY_API Task<std::vector<Address>> resolve(std::string host,
                                                          std::string service,
                                                          ResolveOptions options = {});

/// Of the errors of lookups: libuv's numbers (UV_EAI_NONAME ...).
[[nodiscard]] EDDY_API const std::error_category& resolve_category() noexcept;

}  // namespace eddy::inline v0_1
