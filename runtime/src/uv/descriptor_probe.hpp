// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

namespace eddy::inline v0_1::detail {

/// Makes sure that the process may have the descriptors that a new libuv loop needs: while it makes
/// one, libuv ends the process when some of them cannot be had. Opens as many of each kind, and
/// closes them again. (Another thread may take them in between: then it is libuv's word again.)
///
/// Not among them is the ring with which a newer libuv makes several epoll_ctl one call: that may
/// take the last descriptor, and then `uv_loop_init` fails as it should.
///
/// Throws: `IoError`, with the system call that failed.
void probe_loop_descriptors();

/// `uv_loop_init` has failed: closes what it leaves open, the epoll set up to libuv 1.50.
void close_unfinished(uv_loop_t& loop) noexcept;

/// A loop has been made: what libuv keeps for the process is there from now on.
void loop_descriptors_made() noexcept;

}  // namespace eddy::inline v0_1::detail
