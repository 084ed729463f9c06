// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <iostream>

/// What `main` returns: `status`; but a program whose output could not be written, to a full disk
/// or a reader that is gone, has not succeeded, and says so.
[[nodiscard]] inline int finished(int status) {
    const bool streamed = static_cast<bool>(std::cout.flush());
    const bool printed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    if (streamed && printed) {
        return status;
    }
    std::cerr << "cannot write the output\n";
    return status != 0 ? status : 1;
}
