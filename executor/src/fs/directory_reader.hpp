// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <dirent.h>
#include <string>
#include <utility>

#include <eddy/detail/owned_fd.hpp>
#include <eddy/fs/file_status.hpp>

namespace eddy::inline v0_1::detail {

/// `openat` for a directory: O_DIRECTORY, and O_NOFOLLOW unless links are followed. -1: errno says
/// why.
enum class Links : bool { stop_at, follow };
[[nodiscard]] int open_directory_at(int directory, const char* name, Links links) noexcept;

/// Whether something long looks, between two entries, if its call should end.
enum class Stops : bool { never, when_asked };

/// The names in a directory, in its own order, without "." and "..". They block: for threads of a
/// pool only.
///
/// A descriptor can be lent back to the system before the names are at their end: what is left is
/// read into memory then. Each name comes once, whatever is made or removed meanwhile.
class DirectoryReader final {
public:
    /// `kind`: unknown, if the file system does not say.
    struct Found {
        const char* name;
        FileKind kind;
    };

    explicit DirectoryReader(OwnedFd directory) noexcept : fd_(directory.release()) {}
    DirectoryReader(DirectoryReader&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)),
          stream_(std::exchange(other.stream_, nullptr)),
          rest_(std::move(other.rest_)),
          rest_at_(other.rest_at_),
          at_end_(other.at_end_),
          error_(other.error_) {}
    DirectoryReader(const DirectoryReader&) = delete;
    DirectoryReader& operator=(const DirectoryReader&) = delete;
    ~DirectoryReader() { close(); }

    /// For calls relative to it; -1 while it is lent back.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

    /// The name is good until the next call. False: at the end, or `error` says why not.
    [[nodiscard]] bool next(Found& found) noexcept;
    /// Why it ended: 0, or an errno.
    [[nodiscard]] int error() const noexcept { return error_; }
    /// There may be more to read, or to say.
    [[nodiscard]] bool has_more() const noexcept {
        return !at_end_ || rest_at_ < rest_.size() || error_ != 0;
    }

    /// Reads what is left and closes the descriptor. False: the call was asked to stop before that,
    /// and it is open. Throws: `std::bad_alloc`. Nothing is lost, either way.
    [[nodiscard]] bool lend_back(Stops stops);
    /// The same directory again.
    void reopen(OwnedFd directory) noexcept { fd_ = directory.release(); }
    /// From the first name on again. Requires: open.
    void rewind() noexcept;

private:
    [[nodiscard]] const dirent* read() noexcept;
    void close() noexcept;

    int fd_;                 // the stream's, when there is one
    DIR* stream_ = nullptr;  // made at the first look
    std::string rest_;       // of each: its kind, its name, a zero
    std::size_t rest_at_ = 0;
    bool at_end_ = false;  // of the stream
    int error_ = 0;
};

}  // namespace eddy::inline v0_1::detail
