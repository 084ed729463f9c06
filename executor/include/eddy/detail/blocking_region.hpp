// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::detail {

/// A worker is about to wait for a loop: while this lives, its pool may run one more thread, so
/// that what the loop offloads meanwhile does not wait for a worker that waits for the loop.
///
/// On other threads it does nothing.
class BlockingRegion final {
public:
    BlockingRegion() noexcept;
    BlockingRegion(const BlockingRegion&) = delete;
    BlockingRegion& operator=(const BlockingRegion&) = delete;
    ~BlockingRegion();

private:
    void* pool_;
};

/// Throws `InvalidState` on a thread that runs a loop: `what` would block it.
void require_off_loop(const char* what);

}  // namespace eddy::detail
