// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace bench {

[[noreturn]] inline void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

/// A file of that size, open for reading and writing, whose name is gone already.
class BenchFile final {
public:
    BenchFile(const std::filesystem::path& directory, std::uint64_t size) {
        path_ = (directory / "eddy-bench-XXXXXX").string();
        fd_ = mkostemp(path_.data(), O_CLOEXEC);
        if (fd_ < 0) {
            give_up("a file to read");
        }
        const std::vector<char> block(std::size_t{1} << 20U, 'x');
        for (std::uint64_t done = 0; done < size;) {
            const ssize_t length =
                write(fd_, block.data(), std::min<std::uint64_t>(block.size(), size - done));
            if (length <= 0) {
                unlink(path_.c_str());
                give_up("a file to read");
            }
            done += static_cast<std::uint64_t>(length);
        }
    }
    BenchFile(const BenchFile&) = delete;
    BenchFile& operator=(const BenchFile&) = delete;
    ~BenchFile() {
        close(fd_);
        unlink(path_.c_str());
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Out of the page cache, as far as the system does that.
    void forget() const {
        fdatasync(fd_);
        posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
    }

private:
    std::string path_;
    int fd_ = -1;
};

}  // namespace bench
