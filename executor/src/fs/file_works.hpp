// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include <eddy/detail/file_waits.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/offload_node.hpp>

#include "fs/lent_bytes.hpp"
#include "fs/open_file.hpp"

/// What an operation on a file sends to the executor. Each is a user of the file until it has run,
/// or will not.

namespace eddy::inline v0_1::detail {

/// Calls `call_file` of the derived class, on the worker. It blocks, and may throw.
template <class R, class Derived>
class FileWork : public WorkWithResult<R> {
public:
    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }

private:
    friend Derived;

    explicit FileWork(OpenFile& file) noexcept : use_(file) {}
    ~FileWork() override = default;

    void invoke() noexcept override {
        auto& self = static_cast<Derived&>(*this);
        try {
            if constexpr (std::is_void_v<R>) {
                self.call_file(use_.file());
                this->value_.emplace();
            } else {
                this->value_.emplace(self.call_file(use_.file()));
            }
        } catch (...) {
            this->error_ = std::current_exception();
        }
        use_.end();
    }
    void drop_call() noexcept override { use_.end(); }
    void destroy() noexcept override { delete static_cast<Derived*>(this); }

    FileUse use_;
};

class FileReadWork final : public FileWork<std::size_t, FileReadWork> {
public:
    /// `fills`: until the span is full or the file ends; else what comes first.
    FileReadWork(OpenFile& file,
                 std::uint64_t offset,
                 std::span<std::byte> into,
                 bool fills) noexcept
        : FileWork(file), lent_(into), offset_(offset), fills_(fills) {}

    /// Throws: `IoError`; `CallStopped`.
    [[nodiscard]] std::size_t call_file(const OpenFile& file);

private:
    void take_back() noexcept override { lent_.take_back(); }

    LentSpan lent_;
    const std::uint64_t offset_;
    const bool fills_;
};

class FileWriteWork final : public FileWork<std::size_t, FileWriteWork> {
public:
    using Bytes = std::span<const std::byte>;

    FileWriteWork(OpenFile& file,
                  FilePlace place,
                  Bytes single,
                  std::span<const Bytes> list,
                  std::size_t size) noexcept
        : FileWork(file), lent_(single, list), place_(place), size_(size) {}

    /// Throws: `IoError`, which says how much was written; `CallStopped` before the end, if its
    /// bytes were taken back.
    [[nodiscard]] std::size_t call_file(const OpenFile& file);

    /// The worker's, or of one that has ended.
    [[nodiscard]] std::size_t written() const noexcept { return written_; }

private:
    void take_back() noexcept override { lent_.take_back(); }
    void write_piece(const OpenFile& file, Bytes piece);

    LentList lent_;
    const FilePlace place_;
    const std::size_t size_;
    std::size_t written_ = 0;
};

template <class R>
class FileStepWork final : public FileWork<R, FileStepWork<R>> {
public:
    using Function = typename FileStep<R>::Function;

    FileStepWork(OpenFile& file, Function function, const FileStepArguments& arguments) noexcept
        : FileWork<R, FileStepWork<R>>(file), function_(function), arguments_(arguments) {}

    R call_file(OpenFile& file) { return function_(file, arguments_); }

private:
    const Function function_;
    const FileStepArguments arguments_;
};

/// No user: it waits until there is none.
class FileCloseWork final : public WorkWithResult<void> {
public:
    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }

private:
    void invoke() noexcept override { value_.emplace(); }
    void drop_call() noexcept override {}
    void destroy() noexcept override { delete this; }
};

}  // namespace eddy::inline v0_1::detail
