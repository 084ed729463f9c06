// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <sys/resource.h>

namespace eddy::testing {

/// While it lives, the process may have as many descriptors as its hard limit allows.
class DescriptorLimit final {
public:
    DescriptorLimit() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit all{before_.rlim_max, before_.rlim_max};
        raised_ = setrlimit(RLIMIT_NOFILE, &all) == 0;
    }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

    /// `wanted`, or fewer if the limit has no room for `each` descriptors of so many, and a few
    /// more.
    [[nodiscard]] std::size_t room_for(std::size_t wanted, std::size_t each) const noexcept {
        const rlim_t limit = raised_ ? before_.rlim_max : before_.rlim_cur;
        const rlim_t room = limit > 100 ? (limit - 100) / each : 1;
        return static_cast<std::size_t>(std::min<rlim_t>(wanted, room));
    }

private:
    rlimit before_{};
    bool raised_ = false;
};

}  // namespace eddy::testing
