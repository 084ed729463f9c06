// SPDX-License-Identifier: MIT
#include <eddy/net/copy.hpp>

#include <stdexcept>

namespace eddy::detail {

PooledBuffer make_copy_buffer(const CopyOptions& options) {
    if (options.buffer_size == 0) {
        throw std::invalid_argument("copy needs a buffer of at least one byte");
    }
    return PooledBuffer(options.buffer_size);
}

}  // namespace eddy::detail
