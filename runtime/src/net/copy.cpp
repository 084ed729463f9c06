// SPDX-License-Identifier: MIT
#include <eddy/net/copy.hpp>

#include <stdexcept>

namespace eddy::inline v0_1::detail {

PooledBuffer make_copy_buffer(const CopyOptions& options) {
    const std::size_t size = options.buffer_size.checked("copy: the buffer's size");
    if (size == 0) {
        throw std::invalid_argument("copy needs a buffer of at least one byte");
    }
    return PooledBuffer(size);
}

}  // namespace eddy::inline v0_1::detail
