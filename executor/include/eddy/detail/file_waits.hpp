// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/offload.hpp>

/// The operations of an open file. What an open file is knows src/fs/ alone.

namespace eddy::inline v0_1 {
struct FileStatus;
}

namespace eddy::inline v0_1::detail {

class OpenFile;
struct FileAccess;

/// The owner's end: closes, unless that has begun, and forgets the file.
EDDY_API void let_go(OpenFile& file) noexcept;

/// An operation on a file. It keeps what the `File` points to, not the descriptor: that is for the
/// work, from `start` on.
class EDDY_API FileWait : public OffloadWait {
public:
    [[nodiscard]] const char* what() const noexcept override { return what_; }

protected:
    FileWait(OpenFile* file, const char* what, OnCancel on_cancel) noexcept;
    ~FileWait() override;

    /// Throws: `InvalidState` after a move, `WrongThread`, `ClosedResource`.
    [[nodiscard]] OpenFile& usable() const;
    /// Hands it over; null: to `file_pool()`. Throws what that says; the work is gone then.
    void send(Work& work, Executor* executor);

    OpenFile* const file_;  // counted; null: of a `File` that was moved from

private:
    const char* const what_;
};

/// A read: from the page cache if it can be, else by a thread that reads into memory of its own.
class EDDY_API FileRead : public FileWait {
public:
    FileRead(OpenFile* file, std::uint64_t offset, std::span<std::byte> into) noexcept
        : FileRead(file, "File::read_at", offset, into, Amount::all) {}

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] std::size_t take() { return finish(); }

protected:
    /// `all`: as much as there is. `some`: what comes first.
    enum class Amount : bool { some, all };

    FileRead(OpenFile* file,
             const char* what,
             std::uint64_t offset,
             std::span<std::byte> into,
             Amount amount) noexcept
        : FileWait(file, what, OnCancel::abandon), offset_(offset), into_(into), amount_(amount) {}

    void set_offset(std::uint64_t offset) noexcept { offset_ = offset; }
    [[nodiscard]] std::size_t size() const noexcept { return into_.size(); }
    [[nodiscard]] std::size_t finish();

private:
    /// What is to be read still. No file has bytes beyond the last offset.
    [[nodiscard]] std::span<std::byte> rest() const noexcept;

    std::uint64_t offset_;
    const std::span<std::byte> into_;
    std::size_t done_ = 0;  // on the loop
    const Amount amount_;
};

/// Where a write goes: to an offset, or to what is the end by then.
struct FilePlace {
    std::uint64_t offset = 0;
    bool at_end = false;
};

/// A write: by a thread, which copies piece after piece.
class EDDY_API FileWrite : public FileWait {
public:
    using Bytes = std::span<const std::byte>;

    FileWrite(OpenFile* file, const char* what, FilePlace place, Bytes bytes) noexcept
        : FileWait(file, what, OnCancel::wait), place_(place), single_(bytes) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() { static_cast<void>(finish()); }

protected:
    /// The list lives as long as the bytes.
    FileWrite(OpenFile* file,
              const char* what,
              FilePlace place,
              std::span<const Bytes> list) noexcept
        : FileWait(file, what, OnCancel::wait), place_(place), list_(list) {}

    void set_place(FilePlace place) noexcept { place_ = place; }
    [[nodiscard]] std::size_t size() const noexcept;
    /// How much was written. Throws what it failed with.
    [[nodiscard]] std::size_t finish();
    /// Before `finish`: how much was, of one that has ended.
    [[nodiscard]] std::size_t written() const noexcept;

private:
    FilePlace place_;
    // One of them is empty.
    const Bytes single_;
    const std::span<const Bytes> list_;
};

/// The rest: a function of the file and a few numbers.
struct FileStepArguments {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    int what = 0;
    bool writes = false;
};

template <class R>
class EDDY_API FileStep final : public FileWait {
public:
    using Function = R (*)(OpenFile&, const FileStepArguments&);

    FileStep(OpenFile* file,
             const char* what,
             OnCancel on_cancel,
             Function function,
             const FileStepArguments& arguments) noexcept
        : FileWait(file, what, on_cancel), function_(function), arguments_(arguments) {}

    [[nodiscard]] bool try_now();
    void start();
    R take();

private:
    const Function function_;
    const FileStepArguments arguments_;
};

extern template class FileStep<void>;
extern template class FileStep<FileStatus>;

/// Waits until the descriptor is closed.
class EDDY_API FileClose final : public FileWait {
public:
    explicit FileClose(OpenFile* file) noexcept
        : FileWait(file, "File::close", OnCancel::abandon) {}

    [[nodiscard]] bool try_now();
    void start();
    void take();
};

}  // namespace eddy::inline v0_1::detail
