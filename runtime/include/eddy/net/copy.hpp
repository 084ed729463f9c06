// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>

#include <eddy/detail/buffer_pool.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

namespace eddy::inline v0_1 {

/// How many bytes went which way.
struct EDDY_VISIBLE CopiedBytes {
    std::uint64_t a_to_b = 0;
    std::uint64_t b_to_a = 0;
};

struct EDDY_VISIBLE CopyOptions {
    detail::Count buffer_size = 16UL * 1024;  ///< for each direction; at least 1
    /// Counts the writes that have ended, also when the copy fails or is cancelled; may be read
    /// while it runs. `copy` counts as `a_to_b`. Outlives the await.
    CopiedBytes* progress = nullptr;
};

namespace detail {

/// Throws: `std::invalid_argument` for a size of zero.
[[nodiscard]] EDDY_API PooledBuffer make_copy_buffer(const CopyOptions& options);

template <ReadStream R, WriteStream W>
Task<> copy_into(R& from, W& to, CopyOptions options, std::uint64_t& count) {
    co_await checkpoint();
    PooledBuffer memory = make_copy_buffer(options);
    const bool lent = options.buffer_size <= BufferPool::largest;
    while (true) {
        if constexpr (WaitsReadable<R>) {
            if (lent) {
                memory.reset();
                co_await from.wait_readable();
                memory = make_copy_buffer(options);
            }
        }
        const std::span<std::byte> buffer(memory.data(), options.buffer_size);
        const std::size_t length = co_await from.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        const std::span<const std::byte> bytes = buffer.first(length);
        co_await to.write_all(bytes);
        count += length;
    }
}

/// True of what streams throw when they have ended, by whatever side or limit.
[[nodiscard]] EDDY_API bool says_stream_ended(const std::exception_ptr& error) noexcept;

/// One direction of two. A connection that ends breaks both of them, often at the same moment:
/// what the second one says then is no other failure, and nobody needs to hear of it.
template <ReadStream R, WriteStream W>
Task<> copy_and_shut_down(R& from, W& to, CopyOptions options, std::uint64_t& count, bool& broken) {
    std::exception_ptr error;
    try {
        co_await copy_into(from, to, options, count);
        co_await to.shutdown();
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        const bool second = std::exchange(broken, true);
        if (!second || !says_stream_ended(error)) {
            std::rethrow_exception(error);
        }
    }
}

}  // namespace detail

/// Reads `from` to its end and writes all of it to `to`, which stays open. Returns how many bytes.
///
/// A slow writer slows the reader: at most one buffer is on its way.
///
/// Throws:       what the streams throw.
/// Cancellation: what was read and not yet written is lost; see `CopyOptions::progress`.
/// Lifetime:     both streams outlive the await.
/// Cost:         a buffer, lent by the thread while there is something to read (if `from` has
///               `wait_readable`, and up to 128 KiB); no allocation per message; a read and a write
///               for each buffer or less, and what was read is not copied again.
template <class R, class W>
    requires ReadStream<R> && WriteStream<W>
[[nodiscard]] Task<std::uint64_t> copy(R& from, W& to, CopyOptions options = {}) {
    std::uint64_t own = 0;
    std::uint64_t& count = options.progress != nullptr ? options.progress->a_to_b : own;
    const std::uint64_t before = count;
    co_await detail::copy_into(from, to, options, count);
    co_return count - before;
}

/// Joins two connections until both sides have said all they want to say: whatever one sends goes
/// to the other, and so does its half-close, while the other direction goes on. What a proxy is.
///
///     CopiedBytes bytes;
///     co_await copy_bidirectional(client, server, {.progress = &bytes});
///
/// Neither stream is closed at the end. For idle timeouts, wrap the streams in `TimedStream`.
///
/// Throws:       the first failure of either direction; the other one was cancelled then, and if it
///               has seen its streams end at the same moment, that is not reported. Close both with
///               `close_reset` in that case, or the side that is still there takes what it got for
///               all there was.
/// Cancellation: both directions end; what was on its way is lost. As after a failure.
/// Lifetime:     both streams outlive the await.
/// Cost:         two jobs, two buffers as `copy` has them, nothing per message.
/// Source:       tokio's copy_bidirectional.
template <class A, class B>
    requires Stream<A> && Stream<B>
[[nodiscard]] Task<CopiedBytes> copy_bidirectional(A& a, B& b, CopyOptions options = {}) {
    CopiedBytes own;
    CopiedBytes& bytes = options.progress != nullptr ? *options.progress : own;
    const CopiedBytes before = bytes;
    bool broken = false;
    co_await gather(detail::copy_and_shut_down(a, b, options, bytes.a_to_b, broken),
                    detail::copy_and_shut_down(b, a, options, bytes.b_to_a, broken));
    co_return CopiedBytes{bytes.a_to_b - before.a_to_b, bytes.b_to_a - before.b_to_a};
}

}  // namespace eddy::inline v0_1
