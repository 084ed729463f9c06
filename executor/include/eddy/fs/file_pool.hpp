// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/thread_pool.hpp>

namespace eddy::inline v0_1 {

/// The pool of the current loop that calls into the file system run on, unless they are told
/// another: four threads, made at its first use, shut down with the loop.
///
/// Its own, so that a slow disk holds up no computing (`default_pool`), nor computing a disk. Four,
/// since such calls mostly wait. A call that hangs, say in a file system whose server is gone,
/// keeps its thread until it ends, cancelled or not; what may hang gets a pool of its own, by the
/// `executor` of the call's options.
///
/// Throws: `InvalidState` outside a loop, `LoopClosed` when the loop is ending.
[[nodiscard]] EDDY_API ThreadPool& file_pool();

}  // namespace eddy::inline v0_1
