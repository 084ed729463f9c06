// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <sys/stat.h>
#include <sys/types.h>

#include <eddy/detail/owned_fd.hpp>

namespace eddy::inline v0_1::detail {

/// Opens what can be read and written like a file: regular files, and devices such as /dev/zero
/// or a disk. `flags`: of open(2), to which O_CLOEXEC and O_NOCTTY are added; O_CREAT takes `mode`.
/// `status`: what it is that has been opened.
///
/// A FIFO, a socket or a terminal, from which nothing may come for ever, and a directory are
/// refused. The open itself waits for nobody either, unless somebody else has a lease on the file:
/// then for a minute at most, which is longer than the system gives them to return it, and asks now
/// and then whether it should stop. A process that waits for the other end of a FIFO sees one come
/// and go, and may get SIGPIPE if it writes to it: to look first would cost all others a call.
///
/// Throws: `IoError`, "open PATH: ...", for what is refused "(a FIFO, not a file)"; `CallStopped`.
[[nodiscard]] OwnedFd open_plain(const std::string& path,
                                 int flags,
                                 mode_t mode,
                                 struct stat& status);

}  // namespace eddy::inline v0_1::detail
