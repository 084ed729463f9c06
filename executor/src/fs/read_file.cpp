// SPDX-License-Identifier: MIT
#include <eddy/fs/read_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/error.hpp>

#include "fs/open_plain.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

// Of a file that does not say how long it is: what the files of /proc give at once. It doubles.
constexpr std::size_t first_piece = 4096;
// The string clears what it adds; so many bytes of it are still in the cache when they are read.
constexpr std::size_t most_in_a_piece = std::size_t{1} << 18U;

[[noreturn]] void throw_too_long(const std::string& path, std::size_t limit) {
    throw LimitExceeded("read " + detail::shown(path) + ": it has more than " +
                        std::to_string(limit) +
                        " bytes: read it in pieces by File, or allow more by "
                        "ReadFileOptions::limit");
}

/// Some of what comes at `offset`; 0 at the end.
[[nodiscard]] std::size_t read_piece(const detail::OwnedFd& fd,
                                     std::size_t offset,
                                     std::span<char> into,
                                     const std::string& path) {
    const ssize_t length = detail::uninterrupted([&] {
        const ssize_t at = ::pread(fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
        // Some devices have no offsets: what comes is what comes next.
        return at < 0 && errno == ESPIPE ? ::read(fd.get(), into.data(), into.size()) : at;
    });
    if (length < 0) {
        detail::throw_file_error(errno, "read", path);
    }
    return static_cast<std::size_t>(length);
}

/// How many bytes a regular file says it has; 0 if nothing can be said.
[[nodiscard]] std::uint64_t expected_length(const struct stat& status) noexcept {
    return S_ISREG(status.st_mode) && status.st_size > 0
               ? static_cast<std::uint64_t>(status.st_size)
               : 0;
}

/// Where a file says its length, one byte more is asked for: what stops there has ended there, and
/// needs no further call to say so. Any other short read proves nothing.
[[nodiscard]] std::string read_whole(const std::string& path, std::size_t limit) {
    struct stat status = {};
    const detail::OwnedFd fd = detail::open_plain(path, O_RDONLY, 0, status);
    const std::uint64_t expected = expected_length(status);
    if (expected > limit) {
        throw_too_long(path, limit);
    }
    std::string text;
    text.reserve(expected != 0 ? static_cast<std::size_t>(expected) + 1
                               : std::min(first_piece, limit + 1));
    std::size_t done = 0;
    while (true) {
        if (done == text.capacity()) {
            text.reserve(std::min(2 * done, limit + 1));
        }
        const std::size_t wanted =
            std::min({text.capacity() - done, most_in_a_piece, limit + 1 - done});
        text.resize(done + wanted);
        const std::size_t length =
            read_piece(fd, done, std::span(text).subspan(done, wanted), path);
        done += length;
        text.resize(done);
        if (length == 0 || (length < wanted && done == expected)) {
            return text;
        }
        if (done > limit) {
            throw_too_long(path, limit);
        }
        detail::stop_if_asked();
    }
}

}  // namespace

FileCall<std::string> read_file(const std::filesystem::path& path, const ReadFileOptions& options) {
    const std::size_t most = std::string().max_size() - 1;
    return detail::call_file(
        "read_file",
        options.executor,
        OnCancel::abandon,
        &read_whole,
        detail::native_path(path),
        std::min<std::size_t>(options.limit.checked("read_file: limit"), most));
}

}  // namespace eddy::inline v0_1
