// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <eddy/fs/walk.hpp>
#include <eddy/task.hpp>

#include "file_calls.hpp"

/// Trees for tests, and what has come of them.
namespace eddy::testing {

/// For large trees: in memory where there is such a place, so that no test waits for the disk that
/// others write to.
inline std::filesystem::path quick_place() {
    return ::access("/dev/shm", W_OK | X_OK) == 0 ? std::filesystem::path("/dev/shm")
                                                  : std::filesystem::temp_directory_path();
}

/// Everything that comes, in its order. What `next` throws comes out.
inline Task<std::vector<WalkEntry>> rest_of(DirectoryWalk& entries) {
    std::vector<WalkEntry> all;
    while (true) {
        auto entry = co_await entries.next();
        if (!entry) {
            break;
        }
        all.push_back(std::move(*entry));
    }
    co_return all;
}

inline std::vector<std::string> sorted_paths(const std::vector<WalkEntry>& entries) {
    std::vector<std::string> paths;
    for (const WalkEntry& entry : entries) {
        paths.push_back(entry.path);
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

/// A directory with one in it, and so on; beside every n-th, the file "f". May be deeper than any
/// path.
inline void make_deep(const std::filesystem::path& root,
                      std::size_t depth,
                      std::string_view name,
                      std::size_t nth = 1) {
    const std::string below(name);
    int at = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (std::size_t i = 0; at >= 0 && i < depth; ++i) {
        if (i % nth == 0) {
            ::close(::openat(at, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        }
        const int made = ::mkdirat(at, below.c_str(), 0700);
        const int next =
            made != 0 ? -1 : ::openat(at, below.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ::close(std::exchange(at, next));
    }
    if (at < 0) {
        throw std::runtime_error("make_deep: cannot make a directory");
    }
    ::close(at);
}

/// Fails the n-th of all calls that are made for trees, whatever the rest of the program does.
class FailTreeCall final : public FilePlan {
public:
    explicit FailTreeCall(std::size_t nth) noexcept : nth_(nth) {}

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        const bool counts = call == FileSystemCall::openat || call == FileSystemCall::fstat ||
                            call == FileSystemCall::fstatat || call == FileSystemCall::fdopendir ||
                            call == FileSystemCall::readdir || call == FileSystemCall::unlinkat;
        if (!counts || ++calls_ != nth_) {
            return 0;
        }
        which_ = call;
        return EIO;
    }
    [[nodiscard]] bool failed() const noexcept { return calls_ >= nth_; }
    [[nodiscard]] FileSystemCall which() const noexcept { return which_; }

private:
    const std::size_t nth_;
    std::size_t calls_ = 0;  // one thread's at a time
    FileSystemCall which_ = FileSystemCall::count_;
};

/// Holds the n-th call of a kind until it is let go: whoever makes it waits in the middle.
class HoldFileCall final : public FilePlan {
public:
    HoldFileCall(FileSystemCall call, std::size_t nth) noexcept : call_(call), left_(nth) {}

    [[nodiscard]] int error_of(FileSystemCall call) noexcept override {
        if (call == call_ && left_ != 0 && --left_ == 0) {
            reached_.release();
            released_.acquire();
        }
        return 0;
    }
    void wait_until_reached() { reached_.acquire(); }
    void let_go() { released_.release(); }

private:
    const FileSystemCall call_;
    std::size_t left_;  // one thread's at a time
    std::binary_semaphore reached_{0};
    std::binary_semaphore released_{0};
};

}  // namespace eddy::testing
