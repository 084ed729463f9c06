// SPDX-License-Identifier: MIT
#include <eddy/loop_bound.hpp>

#include <string>

#include <eddy/error.hpp>

namespace eddy {

void LoopBound::bind(const char* what) {
    if (core_ != nullptr) {
        throw WrongThread(std::string(what) +
                          ": this object lives on another loop's thread; reach it through "
                          "LoopHandle::post, or use the Remote... twin of the primitive");
    }
    core_ = detail::thread_state.core;
}

}  // namespace eddy
