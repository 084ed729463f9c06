// SPDX-License-Identifier: MIT
#include <eddy/loop_bound.hpp>

#include <atomic>
#include <string>

#include <eddy/error.hpp>

namespace eddy {

namespace detail {

std::uint64_t identify_thread() noexcept {
    static constinit std::atomic<std::uint64_t> last{0};
    if (thread_state.identity == 0) {
        // relaxed: a number, which orders nothing
        thread_state.identity = last.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    return thread_state.identity;
}

}  // namespace detail

void LoopBound::bind(const char* what) const {
    const detail::ThreadState& thread = detail::thread_state;
    if (thread_ != 0) {
        throw WrongThread(std::string(what) +
                          (thread_ == thread.inherited
                               ? ": this object belongs to a loop of the parent process: a child "
                                 "after fork() makes a loop and objects of its own, or calls exec"
                               : ": this object lives on another thread, that of its loop; reach "
                                 "it through LoopHandle::post, or use the Remote... twin of the "
                                 "primitive"));
    }
    if (thread.core != nullptr) {
        thread_ = thread.identity;
    }
}

}  // namespace eddy
