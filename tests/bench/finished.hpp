// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>

namespace bench {

/// What `main` returns: `status`; but figures that could not be written are no success.
[[nodiscard]] inline int finished(int status) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
        return status;
    }
    std::fputs("cannot write the output\n", stderr);
    return status != 0 ? status : 1;
}

}  // namespace bench
