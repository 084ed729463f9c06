// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/file_stream_waits.hpp>
#include <eddy/fs/file.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

/// A file with a cursor: a `Stream`, so that what reads lines and frames, copies, buffers and times
/// out for connections does it for files.
///
///     FileStream stream(co_await File::open("words"));
///     BufferedReader lines(stream);
///     while (true) {
///         const auto line = co_await lines.read_line();
///         if (!line) break;
///     }
///
/// What differs from a connection: there is one cursor, which reads and writes move; so one job at
/// a time may use it, to read or to write, and another gets `BusyResource`. At the end of the file
/// a read gives zero, and more when somebody has written more. A file that appends is written at
/// its end, wherever the cursor is.
///
/// Throws:       `ClosedResource` after, or woken by, `close`; what `File` throws.
/// Cancellation: a read has read nothing, and the cursor stays. A write that is queued has not
///               happened; one that runs goes on to its end, which counts. One that fails, or that
///               is cut off as one of `File` may be, may have written a part: then the cursor
///               stays, and writing again makes it whole; of a file that appends, later writes
///               throw `BrokenResource`, so that nothing follows a half. What one failed with that
///               nobody took the result of (it lost a `select`), the next operation throws.
/// Threading:    as its `File`.
/// Lifetime:     may be moved, closed and destroyed while an operation waits.
/// Cost:         a read of up to 64 KiB from the page cache is one system call; a larger one goes
///               to the executor at once. An object on the heap for each stream.
class EDDY_API FileStream final {
public:
    /// `position`: of the cursor. Throws: `std::bad_alloc`; `InvalidState` for a file that was
    /// moved from.
    explicit FileStream(File file, std::uint64_t position = 0);
    FileStream(FileStream&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    FileStream& operator=(FileStream&& other) noexcept {
        const FileStream replaced(std::exchange(state_, std::exchange(other.state_, nullptr)));
        return *this;
    }
    /// Closes.
    ~FileStream();

    /// The file, to sync it or to hear what closing it says: `co_await stream.file().close()`.
    ///
    /// Throws: `InvalidState` after a move.
    [[nodiscard]] const File& file() const;
    [[nodiscard]] std::uint64_t position() const;
    /// Moves the cursor; beyond the end, too. What a `BufferedReader` has read ahead is not undone.
    ///
    /// Throws: `BusyResource` while an operation waits, or its job has not gone on yet.
    void seek(std::uint64_t position);

    /// Reads what comes first, at least one byte, and returns how many; zero at the end.
    ///
    /// Throws: `std::invalid_argument` for an empty span.
    [[nodiscard]] detail::FileStreamRead read_some(std::span<std::byte> into) noexcept {
        return {state_, into};
    }

    /// Writes all of it, too.
    [[nodiscard]] detail::FileStreamWriteSome write_some(
        std::span<const std::byte> bytes) noexcept {
        return {state_, bytes};
    }
    [[nodiscard]] detail::FileStreamWriteAll write_all(std::span<const std::byte> bytes) noexcept {
        return {state_, bytes};
    }
    [[nodiscard]] detail::FileStreamWriteAll write_all(std::string_view text) noexcept {
        return {state_, std::as_bytes(std::span(text))};
    }
    /// One after the other, gathered in pieces of 256 KiB. The list lives until the await ends too.
    [[nodiscard]] detail::FileStreamWriteAll write_all(
        std::span<const std::span<const std::byte>> parts) noexcept {
        return {state_, parts};
    }
    /// Of a temporary string, vector or array: to be awaited in the same expression.
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::FileStreamWriteSome> write_some(
        Owner&& bytes) noexcept {
        return {state_, std::span<const std::byte>(bytes)};
    }
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::FileStreamWriteAll> write_all(
        Owner&& bytes) noexcept {
        return {state_, detail::bytes_of(bytes)};
    }

    /// Writes no more; a checkpoint. Nothing comes to the file by it: that is `file().sync()`.
    [[nodiscard]] detail::FileStreamShutdown shutdown() noexcept {
        return detail::FileStreamShutdown(state_);
    }

    /// Ends what waits, and what comes later, with `ClosedResource`. A write that runs stops after
    /// a piece of 256 KiB. What closing the descriptor says is lost: see `file`.
    ///
    /// Throws: `InvalidState` after a move, `WrongThread`.
    void close();

private:
    explicit FileStream(detail::FileStreamState* state) noexcept : state_(state) {}

    detail::FileStreamState* state_;  // counted; null: moved from
};

static_assert(Stream<FileStream>);

}  // namespace eddy::inline v0_1
