// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <eddy/detail/export.hpp>
#include <eddy/detail/file_waits.hpp>
#include <eddy/waiter.hpp>

/// The operations of a `FileStream`: those of its file, at the cursor.

namespace eddy::inline v0_1::detail {

class FileStreamState;

/// Counted, by the stream and its operations.
EDDY_API void retain(FileStreamState& state) noexcept;
EDDY_API void release(FileStreamState& state) noexcept;
[[nodiscard]] EDDY_API OpenFile* file_of(FileStreamState* state) noexcept;

/// The operation that moves the cursor now, as its stream sees it.
class FileStreamUser {
public:
    /// The stream is closed: a wait ends at once.
    virtual void stream_closed() noexcept = 0;

protected:
    FileStreamUser() noexcept = default;
    ~FileStreamUser() = default;
};

/// `Base`: `FileRead` or `FileWrite`. It has the stream to itself from when it waits, or has ended
/// at once, until its result is taken, or nobody wants that any more.
template <class Base>
class EDDY_API FileStreamOp : public Base, private FileStreamUser {
public:
    FileStreamOp(const FileStreamOp&) = delete;
    FileStreamOp& operator=(const FileStreamOp&) = delete;

protected:
    template <class... Args>
    explicit FileStreamOp(FileStreamState* state, const Args&... args) noexcept
        : Base(file_of(state), args...), state_(state) {
        if (state_ != nullptr) {
            retain(*state_);
        }
    }
    ~FileStreamOp() override {
        if (state_ != nullptr) {
            leave();
            release(*state_);
        }
    }

    /// Throws: `InvalidState`, `WrongThread`, `ClosedResource`, `BusyResource`; what a write before
    /// this failed with, if nobody heard of it.
    [[nodiscard]] FileStreamState& enter();
    /// What `try_now` says.
    [[nodiscard]] bool at_once(bool done) noexcept;
    void start_using();
    /// Before its result is taken. Throws `ClosedResource` if that is why there is none.
    void conclude();

    void unlink() noexcept override;
    void pass_on() noexcept override;
    [[nodiscard]] bool abort() noexcept override;
    [[nodiscard]] bool sever() noexcept override;

    FileStreamState* const state_;

private:
    void stream_closed() noexcept override;
    /// It has ended, and its result, which is still there, will not be taken.
    virtual void result_dropped() noexcept = 0;
    /// It runs on, and stops in the middle.
    virtual void call_left_alone() noexcept = 0;
    void leave() noexcept;

    bool closed_ = false;  // while it waited
};

extern template class FileStreamOp<FileRead>;
extern template class FileStreamOp<FileWrite>;

class EDDY_API FileStreamRead final : public FileStreamOp<FileRead> {
public:
    FileStreamRead(FileStreamState* state, std::span<std::byte> into) noexcept
        : FileStreamOp(state, "FileStream::read_some", std::uint64_t{0}, into, Amount::some) {}

    [[nodiscard]] bool try_now();
    void start();
    [[nodiscard]] std::size_t take();

private:
    void result_dropped() noexcept override {}  // the cursor stays
    void call_left_alone() noexcept override {}
};

class EDDY_API FileStreamWrite : public FileStreamOp<FileWrite> {
public:
    [[nodiscard]] bool try_now();
    void start();

protected:
    template <class What>
    FileStreamWrite(FileStreamState* state, const char* what, const What& bytes) noexcept
        : FileStreamOp(state, what, FilePlace(), bytes) {}
    ~FileStreamWrite() override = default;

    [[nodiscard]] std::size_t finish();

private:
    void enter_to_write();
    void result_dropped() noexcept override;
    void call_left_alone() noexcept override;
    /// What is after `part` bytes of a write that has not come to its end.
    void leave_part(std::size_t part) noexcept;
};

class FileStreamWriteSome : public FileStreamWrite {
public:
    FileStreamWriteSome(FileStreamState* state, Bytes bytes) noexcept
        : FileStreamWrite(state, "FileStream::write_some", bytes) {}
    [[nodiscard]] std::size_t take() { return finish(); }
};

class FileStreamWriteAll : public FileStreamWrite {
public:
    FileStreamWriteAll(FileStreamState* state, Bytes bytes) noexcept
        : FileStreamWrite(state, "FileStream::write_all", bytes) {}
    FileStreamWriteAll(FileStreamState* state, std::span<const Bytes> parts) noexcept
        : FileStreamWrite(state, "FileStream::write_all", parts) {}
    void take() { static_cast<void>(finish()); }
};

/// A checkpoint that never waits.
class EDDY_API FileStreamShutdown final : public Waiter {
public:
    explicit FileStreamShutdown(FileStreamState* state) noexcept;
    ~FileStreamShutdown() override;
    [[nodiscard]] const char* what() const noexcept override { return "FileStream::shutdown"; }
    [[nodiscard]] bool try_now();
    void start() const noexcept {}
    void take() const noexcept {}

private:
    void unlink() noexcept override {}

    FileStreamState* const state_;
};

}  // namespace eddy::inline v0_1::detail
