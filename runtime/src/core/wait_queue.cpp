// SPDX-License-Identifier: MIT
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1 {

std::size_t WaitQueue::size() const noexcept {
    std::size_t count = 0;
    for (const detail::ListLink* link = ring_.next; link != &ring_; link = link->next) {
        ++count;
    }
    return count;
}

}  // namespace eddy::inline v0_1
