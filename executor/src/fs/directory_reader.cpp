// SPDX-License-Identifier: MIT
#include "fs/directory_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/executor.hpp>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

[[nodiscard]] FileKind kind_of_entry(const dirent& entry) noexcept {
    return entry.d_type == DT_UNKNOWN ? FileKind::unknown : kind_of(DTTOIF(mode_t{entry.d_type}));
}

[[nodiscard]] bool is_dots(const char* name) noexcept {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

}  // namespace

int open_directory_at(int directory, const char* name, Links links) noexcept {
    const int flags =
        O_RDONLY | O_DIRECTORY | O_CLOEXEC | (links == Links::follow ? 0 : O_NOFOLLOW);
    return uninterrupted([&] { return ::openat(directory, name, flags); });
}

const dirent* DirectoryReader::read() noexcept {
    if (at_end_) {
        return nullptr;
    }
    if (stream_ == nullptr) {
        stream_ = ::fdopendir(fd_);
        if (stream_ == nullptr) {
            error_ = errno;
            at_end_ = true;
            return nullptr;
        }
    }
    while (true) {
        errno = 0;
        const dirent* const entry =
            ::readdir(stream_);  // NOLINT(concurrency-mt-unsafe): ours alone
        if (entry == nullptr) {
            error_ = errno;
            at_end_ = true;
            return nullptr;
        }
        if (!is_dots(entry->d_name)) {
            return entry;
        }
    }
}

bool DirectoryReader::next(Found& found) noexcept {
    if (rest_at_ < rest_.size()) {
        const char* const kept = rest_.data() + rest_at_;
        found = {.name = kept + 1, .kind = static_cast<FileKind>(*kept)};
        rest_at_ += std::strlen(kept + 1) + 2;
        return true;
    }
    const dirent* const entry = read();
    if (entry == nullptr) {
        return false;
    }
    found = {.name = entry->d_name, .kind = kind_of_entry(*entry)};
    return true;
}

bool DirectoryReader::lend_back(Stops stops) {
    constexpr std::size_t most = sizeof(dirent::d_name) + 2;  // of one
    while (!at_end_) {
        if (stops == Stops::when_asked && call_should_stop()) {
            return false;
        }
        if (rest_.capacity() - rest_.size() < most) {  // first: what has been read is kept
            rest_.reserve(std::max(2 * rest_.capacity(), 4 * most));
        }
        const dirent* const entry = read();
        if (entry != nullptr) {
            rest_ += static_cast<char>(kind_of_entry(*entry));
            rest_ += entry->d_name;
            rest_ += '\0';
        }
    }
    close();
    return true;
}

void DirectoryReader::rewind() noexcept {
    rest_.clear();
    rest_at_ = 0;
    at_end_ = false;
    error_ = 0;
    if (stream_ != nullptr) {
        ::rewinddir(stream_);
    }
}

void DirectoryReader::close() noexcept {
    if (stream_ != nullptr) {
        ::closedir(stream_);
    } else if (fd_ >= 0) {
        ::close(fd_);
    }
    stream_ = nullptr;
    fd_ = -1;
}

}  // namespace eddy::inline v0_1::detail
