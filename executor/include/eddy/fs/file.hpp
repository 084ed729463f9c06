// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/file_waits.hpp>
#include <eddy/fs/file_call.hpp>
#include <eddy/fs/file_status.hpp>
#include <eddy/net/stream.hpp>

namespace eddy::inline v0_1 {

/// What a file is opened for. `append`: to write only, always at what is the end by then.
enum class Access : std::uint8_t { read, write, read_write, append };

/// Whether opening makes a file: `must` fails where there is one (`errc::file_exists`).
enum class Create : std::uint8_t { no, may, must };

/// `File::open(path, {.access = Access::write, .create = Create::may, .truncate = true})`.
struct EDDY_VISIBLE OpenOptions {
    Access access = Access::read;
    Create create = Create::no;
    bool truncate = false;         ///< to nothing, when it is opened; needs access to write
    std::uint32_t mode = 0666;     ///< of a file that is made, less the process's umask
    bool follow = true;            ///< a symlink at the end of the path; else it is refused
    Executor* executor = nullptr;  ///< of opening and all that follows; null: `file_pool()`
};

/// What a file is read like next: the system reads ahead, keeps or forgets accordingly.
enum class Advice : std::uint8_t { normal, sequential, random, will_need, dont_need };

/// What a file has done so far.
struct EDDY_VISIBLE FileStatistics {
    std::uint64_t reads_on_loop = 0;    ///< found in the page cache, to the last byte
    std::uint64_t reads_offloaded = 0;  ///< went to the executor
    std::uint64_t writes = 0;
    std::size_t running = 0;  ///< operations that are queued or run, those left alone included
};

/// An open file, read and written at offsets. `FileStream` has a cursor, `read_file` all of it.
///
///     File file = co_await File::open("data.bin", {.access = Access::read_write});
///     const std::size_t length = co_await file.read_at(4096, buffer);
///     co_await file.write_at(4096, bytes);
///     co_await file.sync();
///     co_await file.close();  // says what the destructor cannot
///
/// A read of up to 64 KiB is tried on the loop first, and ends there if the page cache has it all
/// (`RWF_NOWAIT`); while the disk has no room for requests, so that even asking waits, reads pass
/// the loop by. Everything else runs on the executor of the options. All are operations: they can
/// be selected, and awaited again.
///
/// Regular files, and devices. A FIFO, a socket or a terminal is refused, and keeps no thread
/// waiting.
///
/// Throws:       `IoError`, "write /a/b (after 4096 of 65536 bytes): No space left on device";
///               `ClosedResource` once `close` was called; `InvalidState` for what it was not
///               opened for, or after a move; `std::out_of_range` for offsets beyond 2^63 - 1.
/// Cancellation: each operation says what a cancelled one leaves. No span is touched after the
///               await, whatever a thread still does.
/// Order:        operations may run at the same time. Nothing orders them but awaiting.
/// Threading:    of the first loop that uses it. Destroyed there; or on another thread, before that
///               loop uses it or when it is over, while there is no operation of it.
/// Lifetime:     may be closed and destroyed while operations run: the descriptor is closed after
///               the last of them. The executor outlives it.
/// Cost:         a read from the page cache is one system call and no allocation. What goes to the
///               executor costs a hop, and is copied once more, in pieces of up to 256 KiB: so a
///               read that hangs (a server that is gone) can be left alone.
class EDDY_API File final {
public:
    File(File&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
    File& operator=(File&& other) noexcept {
        const File replaced(std::exchange(file_, std::exchange(other.file_, nullptr)));
        return *this;
    }
    /// Closes, on the executor, and loses what that reports. When that takes nothing any more, a
    /// thread of its own does, which the loop does not wait for. In a forked child only its own
    /// descriptor.
    ~File() {
        if (file_ != nullptr) {
            detail::let_go(*file_);
        }
    }

    /// Throws:       `std::invalid_argument` for options that contradict each other; `IoError`: a
    ///               directory is `errc::is_a_directory`, a FIFO `errc::not_supported`.
    /// Cancellation: for reading, it is left alone. One that makes or truncates a file, or opens it
    ///               to write, is awaited once it runs, and its result counts.
    [[nodiscard]] static FileCall<File> open(const std::filesystem::path& path,
                                             const OpenOptions& options = {});

    /// False after `close`, or a move.
    [[nodiscard]] bool is_open() const noexcept;
    /// As it was opened. Throws: `InvalidState` after a move.
    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] FileStatistics statistics() const;
    /// The descriptor, lent. Throws: `ClosedResource`.
    [[nodiscard]] int native_handle() const;

    /// Reads at `offset` until the span is full: less than that only where the file ends.
    ///
    /// Cancellation: it is left alone at once, even if its thread hangs. The span has what it has.
    [[nodiscard]] detail::FileRead read_at(std::uint64_t offset, std::span<std::byte> into) const {
        return {file_, offset, into};
    }

    /// Writes all of it at `offset`; beyond the end, zeros fill the gap.
    ///
    /// Throws:       `InvalidState` for a file that appends, where Linux ignores offsets;
    ///               `IoError`, which says how much was written.
    /// Cancellation: queued: it did not happen. Running: it goes on to its end, which counts.
    ///               When the loop's grace is over, or its `select` throws because another
    ///               operation could not start, it stops after a piece of 256 KiB.
    [[nodiscard]] detail::FileWrite write_at(std::uint64_t offset,
                                             std::span<const std::byte> bytes) const {
        return {file_, "File::write_at", detail::FilePlace{.offset = offset}, bytes};
    }
    [[nodiscard]] detail::FileWrite write_at(std::uint64_t offset, std::string_view text) const {
        return write_at(offset, std::as_bytes(std::span(text)));
    }
    /// Of a temporary string or vector: to be awaited in the same expression.
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::FileWrite> write_at(std::uint64_t offset,
                                                                  Owner&& bytes) const {
        return {
            file_, "File::write_at", detail::FilePlace{.offset = offset}, detail::bytes_of(bytes)};
    }

    /// Writes all of it at the end, of a file that was opened for that. Up to 256 KiB are one
    /// write of the system's, into which no other process comes.
    ///
    /// Throws, Cancellation: as `write_at`.
    [[nodiscard]] detail::FileWrite append(std::span<const std::byte> bytes) const {
        return {file_, "File::append", detail::FilePlace{.at_end = true}, bytes};
    }
    [[nodiscard]] detail::FileWrite append(std::string_view text) const {
        return append(std::as_bytes(std::span(text)));
    }
    template <detail::TemporaryOwner Owner>
    [[nodiscard]] detail::OfTemporary<detail::FileWrite> append(Owner&& bytes) const {
        return {file_, "File::append", detail::FilePlace{.at_end = true}, detail::bytes_of(bytes)};
    }

    /// Waits until the disk has what was written before; `sync_data` leaves out what is not needed
    /// to read it, such as times. (A file that is new has a name that is safe only when its
    /// directory was synced too: `replace_file` does.)
    ///
    /// Throws:       `IoError`. One that failed is not tried again, and all later ones throw the
    ///               same: the system has dropped what it could not write, and would say that all
    ///               is well. For the same reason they run one after the other.
    /// Cancellation: it is left alone; what it finds, later ones throw.
    [[nodiscard]] detail::FileStep<void> sync() const;
    [[nodiscard]] detail::FileStep<void> sync_data() const;

    /// Makes the file that long: cuts it, or adds zeros.
    ///
    /// Cancellation: as `write_at`.
    [[nodiscard]] detail::FileStep<void> truncate(std::uint64_t length) const;

    /// Cancellation: it is left alone.
    [[nodiscard]] detail::FileStep<FileStatus> status() const;

    /// Tells the system what is coming. `length` 0: to the end.
    ///
    /// Cancellation: it is left alone.
    [[nodiscard]] detail::FileStep<void> advise(Advice advice,
                                                std::uint64_t offset = 0,
                                                std::uint64_t length = 0) const;

    /// Closes, from the call on, awaited or not: what comes later throws `ClosedResource`, what
    /// runs goes on to its end and counts. The await ends when the descriptor is closed, after the
    /// last of these. Again: the same end, the same error.
    ///
    /// Throws:       `IoError`: some systems say only here that they could not write (EIO, EDQUOT).
    ///               It is closed all the same.
    /// Cancellation: it is closed all the same; what it would report is lost.
    [[nodiscard]] detail::FileClose close() const;

private:
    friend struct detail::FileAccess;
    explicit File(detail::OpenFile* file) noexcept : file_(file) {}

    detail::OpenFile* file_;  // one of its users, and counted; null: moved from
};

}  // namespace eddy::inline v0_1
