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

/// Looks a name up: the addresses of a host, in the order the system would try them, the first 256.
///
///     const std::vector<Address> found = co_await resolve("example.com", 443);
///
/// A numeric host is its own address; nobody is asked, and no thread is needed. `connect(host,
/// port)` does this too.
///
/// Jobs that ask for the same host, service and family at the same time share one call of the
/// system's resolver, on whatever loops they are. Nothing is remembered: who asks after the answer
/// has somebody look again. So has who asks for what has been in the resolver for five seconds: by
/// then it has given a server up (resolv.conf, "timeout"), and another try is not to hang with it.
///
/// Throws:       `std::invalid_argument` for an empty name, one of more than 253 bytes, as given or
///               with its letters beyond ASCII encoded, or one with a zero byte or that is no
///               UTF-8; `IoError` ("resolve nowhere.invalid: unknown node or service") with a code
///               of `resolve_category`, or of the system:
///               `resource_unavailable_try_again` when there is no thread and none could be
///               started. What the call of several jobs fails with, each of them gets.
/// Cancellation: at once, and those who share the call do not notice. Without any of them it does
///               not begin; if it has begun, which nobody can stop, it goes on alone, and its
///               answer is dropped. Neither the end of the loop nor that of the process waits for
///               it.
/// Order:        calls get threads in the order in which they were first asked for.
/// Threading:    not in a loop that a library's constructor runs: the threads, and the resolver,
///               wait for the `dlopen` that has called it.
/// Cost:         a thread for each call while it lasts, 16 for all loops together. 1,024 calls are
///               queued for one, others wait for a place in the queue, as many as there are jobs
///               that want them: `lookup_statistics`. Threads are started when they are needed, and
///               end when there was nothing for them to do for ten seconds. A call whose thread
///               could not be started while others ran waits for one of these; when the next job
///               asks or leaves, a call begins, or the statistics are looked at, it is tried again.
[[nodiscard]] EDDY_API Task<std::vector<Address>> resolve(std::string host,
                                                          std::uint16_t port,
                                                          ResolveOptions options = {});

/// The same with the name of a service, "https", or a number, "443": numbers for both are asked of
/// nobody.
[[nodiscard]] EDDY_API Task<std::vector<Address>> resolve(std::string host,
                                                          std::string service,
                                                          ResolveOptions options = {});

/// Of the errors of lookups: libuv's numbers (UV_EAI_NONAME ...).
[[nodiscard]] EDDY_API const std::error_category& resolve_category() noexcept;

}  // namespace eddy::inline v0_1
