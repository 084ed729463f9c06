// SPDX-License-Identifier: MIT
#include <eddy/net/copy.hpp>

#include <stdexcept>

namespace eddy::detail {

std::unique_ptr<std::byte[]> make_copy_buffer(const CopyOptions& options) {
    if (options.buffer_size == 0) {
        throw std::invalid_argument("copy needs a buffer of at least one byte");
    }
    return std::unique_ptr<std::byte[]>(new std::byte[options.buffer_size]);
}

}  // namespace eddy::detail
