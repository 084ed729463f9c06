// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/detail/buffer_pool.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/whole_number.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>
#include <eddy/with_scope.hpp>

namespace eddy::inline v0_1 {

/// How patient `close_gracefully` is.
struct EDDY_VISIBLE CloseOptions {
    Duration time = std::chrono::seconds(3);  ///< for all of it, whatever comes; above zero
    detail::Count bytes = 256UL * 1024;       ///< read and thrown away, at most
};

/// How `close_gracefully` ended.
enum class CloseResult : std::uint8_t {
    ended,    ///< the peer has ended its side too; the system delivers what it has not had yet
    cut_off,  ///< a limit was reached first: the system delivers what it still can
    gone,     ///< the peer was gone, or a write had broken off halfway: the connection was reset
};

namespace detail {

/// Throws: `std::invalid_argument`.
EDDY_API void check_close(const CloseOptions& options);
/// What an end by an exception means. Throws it on, if it is not the stream's end.
[[nodiscard]] EDDY_API CloseResult close_result(const std::exception_ptr& error);

template <class S>
Task<CloseResult> shut_down_and_drain(S& stream, std::size_t left) {
    constexpr std::size_t piece = 16UL * 1024;
    co_await stream.shutdown();
    while (true) {
        if constexpr (WaitsReadable<S>) {
            co_await stream.wait_readable();
        }
        const PooledBuffer memory(piece);  // lent, if the stream can wait without
        const std::span<std::byte> buffer(memory.data(), left < piece ? left + 1 : piece);
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return CloseResult::ended;
        }
        if (length > left) {
            co_return CloseResult::cut_off;
        }
        left -= length;
    }
}

/// `S`: a reference, or the stream itself.
template <class S>
Task<CloseResult> host_close(S stream, CloseOptions options) {
    std::optional<CloseResult> result;
    std::exception_ptr error;
    try {
        auto draining = shut_down_and_drain(stream, options.bytes);
        result = co_await move_on_after(options.time, std::move(draining));
    } catch (...) {  // cancelled, too
        error = std::current_exception();
    }
    stream.close();
    co_return error ? close_result(error) : result.value_or(CloseResult::cut_off);
}

}  // namespace detail

/// Ends a connection so that the peer can read what was written last: says that this side is done,
/// reads what the peer still sends and throws it away until its end, for a limited time and up to a
/// limited number of bytes, and closes.
///
///     co_await stream.write_all("413 too much\r\n");         // the request is still coming
///     co_await close_gracefully(std::move(stream));          // or close_gracefully(stream)
///
/// Why not just `close`: if the peer has sent anything that nobody has read, or sends on, the
/// system answers with a reset, and a reset takes away what the peer has not read yet: an answer
/// that was "written" is never seen. `SO_LINGER` does not help: it waits for what the peer's
/// machine has acknowledged, not for what its program has read. Who has read the whole request, and
/// knows that there is no other, needs none of this.
///
/// Beyond a limit the stream is closed as it is, and not reset on purpose: a peer that reads slowly
/// still gets what the system has. (Is something unread then, the system resets it after all.) A
/// stream that is torn, in the middle of a write, is reset at once.
///
/// Given a stream as an rvalue it is kept until the end, else referred to. Either way it is closed
/// in the end, whatever is thrown. That the peer is gone is no error.
///
/// Throws:       `std::invalid_argument` for a time not above zero, at the call, before the stream
///               is moved. `BusyResource` when another job reads or writes, whose wait ends with
///               `ClosedResource`.
/// Cancellation: the stream is closed at once.
/// Cost:         a buffer, lent by the thread while there is something to read if the stream has
///               `wait_readable`, else for as long as it takes.
/// Source:       nginx's lingering_close; RFC 9112 section 9.6.
template <class S>
    requires Stream<std::remove_reference_t<S>>
[[nodiscard]] Task<CloseResult> close_gracefully(S&& stream, const CloseOptions& options = {}) {
    detail::check_close(options);
    return detail::host_close<S>(std::forward<S>(stream), options);
}

}  // namespace eddy::inline v0_1
