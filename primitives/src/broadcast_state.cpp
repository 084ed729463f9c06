// SPDX-License-Identifier: MIT
#include <eddy/detail/broadcast_state.hpp>

#include <stdexcept>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

std::size_t check_broadcast_capacity(std::size_t capacity) {
    if (capacity == 0) {
        throw std::invalid_argument(
            "Broadcast: the capacity is 0; give it room for what a slow receiver may be behind");
    }
    return capacity;
}

void throw_no_receiver() {
    throw BrokenResource(
        "Broadcast::send: there is no receiver; the item was not sent (try_send does not mind)");
}

}  // namespace eddy::inline v0_1::detail
