// SPDX-License-Identifier: MIT
#include <eddy/detail/reader_wait.hpp>

#include <utility>

namespace eddy::inline v0_1::detail {

std::size_t IntoWait::finish() {
    try {
        conclude();
    } catch (...) {
        given_up();
        throw;
    }
    leave();
    return std::exchange(done_, 0);
}

void IntoWait::given_up() noexcept {
    buffer_.put_back(into_.first(std::exchange(done_, 0)));
    leave();
}

}  // namespace eddy::inline v0_1::detail
