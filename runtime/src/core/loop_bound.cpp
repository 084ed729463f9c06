// SPDX-License-Identifier: MIT
#include <eddy/loop_bound.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy::inline v0_1 {

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

}  // namespace eddy::inline v0_1
