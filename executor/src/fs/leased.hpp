// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

/// How long one waits for somebody else, a file server for one, to return its lease on a file. The
/// system lets them take 45 s for that, unless it is told otherwise.
class LeasePatience final {
public:
    /// Waits a moment. False: it has been long enough. Throws: `CallStopped`.
    [[nodiscard]] bool wait();

private:
    unsigned pause_ = 1;  // ms
    unsigned waited_ = 0;
};

/// `open()`, with O_NONBLOCK: again, while somebody has a lease on the file, which the first of
/// them asks back. (Without O_NONBLOCK nobody could stop it.) -1: errno says why.
template <class F>
[[nodiscard]] int open_leased(F open) {
    LeasePatience patience;
    while (true) {
        const int fd = uninterrupted(open);
        if (fd >= 0 || errno != EWOULDBLOCK || !patience.wait()) {
            return fd;
        }
    }
}

}  // namespace eddy::inline v0_1::detail
