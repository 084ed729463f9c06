// SPDX-License-Identifier: MIT
#include "thread_name.hpp"

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace eddy::inline v0_1::detail {

void set_thread_name(const std::string& name) noexcept {
#if defined(__linux__)
    char kept[16] = {};  // longer ones are refused
    name.copy(kept, sizeof kept - 1);
    pthread_setname_np(pthread_self(), kept);
#elif defined(__APPLE__)
    pthread_setname_np(name.c_str());
#else
    static_cast<void>(name);
#endif
}

}  // namespace eddy::inline v0_1::detail
