// SPDX-License-Identifier: MIT
#include <eddy/net/copy.hpp>

#include <stdexcept>

#include <eddy/error.hpp>

#include "net/peer_is_gone.hpp"

namespace eddy::inline v0_1::detail {

PooledBuffer make_copy_buffer(const CopyOptions& options) {
    const std::size_t size = options.buffer_size.checked("copy: the buffer's size");
    if (size == 0) {
        throw std::invalid_argument("copy needs a buffer of at least one byte");
    }
    return PooledBuffer(size);
}

bool says_stream_ended(const std::exception_ptr& error) noexcept {
    if (peer_is_gone(error)) {
        return true;
    }
    try {
        std::rethrow_exception(error);
    } catch (const BrokenResource&) {
        return true;
    } catch (const ClosedResource&) {
        return true;
    } catch (const EndOfStream&) {
        return true;
    } catch (const TimedOut&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace eddy::inline v0_1::detail
