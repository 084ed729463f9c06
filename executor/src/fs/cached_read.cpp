// SPDX-License-Identifier: MIT
#include <eddy/detail/cached_read.hpp>

#include <atomic>
#include <cerrno>
#include <sys/types.h>
#include <sys/uio.h>

namespace eddy::inline v0_1::detail {

namespace {

constinit std::atomic<bool> system_has_it{true};  // or so we think

}  // namespace

bool may_read_cached() noexcept { return system_has_it.load(std::memory_order_relaxed); }

void ask_again_for_cached_reads() noexcept { system_has_it.store(true); }

CachedRead read_cached(int fd, std::uint64_t offset, std::span<std::byte> into) noexcept {
#if defined(RWF_NOWAIT)
    if (!may_read_cached()) {
        return {.supported = false};
    }
    const iovec part{into.data(), into.size()};
    const ssize_t length = ::preadv2(fd, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (length >= 0) {
        return {.length = static_cast<std::size_t>(length)};
    }
    switch (errno) {
        case ENOSYS:  // an old kernel, or a sandbox
            system_has_it.store(false, std::memory_order_relaxed);
            return {.supported = false};
        case EOPNOTSUPP:
        case EPERM:  // another sandbox; or this file's own
        case EINVAL:
            return {.supported = false};
        default:  // EAGAIN: not in the cache. The rest, EIO and its like, is said by a real read
            return {};
    }
#else
    static_cast<void>(fd);
    static_cast<void>(offset);
    static_cast<void>(into);
    return {.supported = false};
#endif
}

}  // namespace eddy::inline v0_1::detail
