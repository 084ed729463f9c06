// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// A descriptor that this process was started with, and what its service manager calls it.
struct EDDY_VISIBLE ListenDescriptor {
    int descriptor = -1;
    std::string name;  ///< `FileDescriptorName=`; "unknown" without names
};

struct EDDY_VISIBLE ListenDescriptorsOptions {
    /// Removes the variables, so that no child takes them for its own. Whatever the outcome, as
    /// `sd_listen_fds` does. Not while other threads look at the environment.
    bool unset_environment = false;
};

/// The sockets that a service manager opened for this process (socket activation, systemd.socket):
///
///     for (ListenDescriptor& given : listen_descriptors({.unset_environment = true})) {
///         group.spawn(serve(TcpListener::adopt(given.descriptor), handler));
///     }
///
/// In the order of the unit's `Listen...=` lines, each close-on-exec from now on. None, if nobody
/// has given this process any: LISTEN_PID is not there, or another process's. Whether one is a
/// socket that listens, and of which kind, `adopt` finds out. Each is the caller's, once: asked
/// again, this returns the same numbers, whatever they are by then.
///
/// Throws:    `IoError` when the variables make no sense, or name a descriptor that is not open: it
///            says which.
/// Threading: any, while no other changes the environment; no loop is needed.
/// Source:    sd_listen_fds(3), without libsystemd.
[[nodiscard]] EDDY_API std::vector<ListenDescriptor> listen_descriptors(
    const ListenDescriptorsOptions& options = {});

}  // namespace eddy::inline v0_1
