// SPDX-License-Identifier: MIT
#include <eddy/loop_bound.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy {

void LoopBound::bind(const char* what) const {
    if (thread_ != nullptr) {
        throw WrongThread(std::string(what) +
                          ": this object lives on another thread, that of its loop; reach it "
                          "through LoopHandle::post, or use the Remote... twin of the primitive");
    }
    if (detail::thread_state.core != nullptr) {
        thread_ = &detail::thread_state;
    }
}

}  // namespace eddy
