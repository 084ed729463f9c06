// SPDX-License-Identifier: MIT
#include "fs/copy_content.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <eddy/detail/call_stopped.hpp>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::uint64_t to_the_end = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t buffer_size = std::size_t{256} << 10U;
constexpr std::size_t probe_size = 4096;               // where the file has most likely ended
constexpr std::size_t piece = std::size_t{16} << 20U;  // of what the system copies by itself

/// One copy, which remembers what the system cannot do for it.
class Copy final {
public:
    Copy(int from, int to, std::string_view from_path, std::string_view to_path) noexcept
        : from_(from), to_(to), from_path_(from_path), to_path_(to_path) {}

    /// From `at` to `end` or to the end of the file; where it came to.
    [[nodiscard]] std::uint64_t range(std::uint64_t at, std::uint64_t end) {
        if (in_kernel_) {
            at = let_system_copy(at, end);
        }
        // It says that the file has ended also of one in /proc, and of other strange ones.
        return at < end ? read_and_write(at, end) : at;
    }

private:
    [[nodiscard]] std::uint64_t let_system_copy(std::uint64_t at, std::uint64_t end) {
        while (at < end) {
            stop_if_asked();
            auto source = static_cast<off64_t>(at);
            auto target = source;
            const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(piece, end - at));
            const ssize_t moved = uninterrupted(
                [&] { return ::copy_file_range(from_, &source, to_, &target, length, 0); });
            if (moved <= 0) {
                // Between some file systems, in old kernels and in some containers it cannot.
                // Whatever the reason is: reading and writing do it, or say why not.
                in_kernel_ = moved == 0;
                break;
            }
            at += static_cast<std::uint64_t>(moved);
        }
        return at;
    }

    [[nodiscard]] std::uint64_t read_and_write(std::uint64_t at, std::uint64_t end) {
        buffer_.resize(in_kernel_ ? probe_size : buffer_size);
        while (at < end) {
            const auto wanted =
                static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), end - at));
            const std::span<std::byte> part = std::span(buffer_).first(wanted);
            const std::size_t length = read_range(from_, at, part, from_path_);
            if (length == 0) {
                break;
            }
            write_fully(to_, at, part.first(length), to_path_);
            at += length;
        }
        return at;
    }

    const int from_;
    const int to_;
    const std::string_view from_path_;
    const std::string_view to_path_;
    bool in_kernel_ = true;
    std::vector<std::byte> buffer_;
};

/// Where a file ends that says so only now: it may have become shorter, or longer.
[[nodiscard]] std::uint64_t end_between(int from,
                                        std::uint64_t least,
                                        std::uint64_t most,
                                        std::string_view path) {
    const struct stat now = stat_descriptor(from, path);
    return std::clamp(static_cast<std::uint64_t>(now.st_size), least, most);
}

/// Only what is between the holes; where the file ends, which may be in one. Empty: this file
/// system tells nothing of them.
[[nodiscard]] std::optional<std::uint64_t> copy_between_holes(Copy& copy,
                                                              int from,
                                                              std::uint64_t size,
                                                              std::string_view path) {
    std::uint64_t at = 0;
    while (at < size) {
        const off_t data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO ? std::optional(end_between(from, at, size, path)) : std::nullopt;
        }
        const off_t hole = ::lseek(from, data, SEEK_HOLE);
        if (hole < 0 && errno != ENXIO) {
            return std::nullopt;
        }
        const auto begin = std::min(static_cast<std::uint64_t>(data), size);
        const auto end = hole < 0 ? begin : std::min(static_cast<std::uint64_t>(hole), size);
        const std::uint64_t reached = copy.range(begin, end);
        if (reached == begin) {
            return end_between(from, at, begin, path);  // in the hole before it, then
        }
        at = reached;
        if (at < end) {
            break;  // whatever it says: there is no more
        }
    }
    return at;
}

}  // namespace

std::uint64_t copy_content(int from,
                           const struct stat& status,
                           int to,
                           std::string_view from_path,
                           std::string_view to_path) {
    Copy copy(from, to, from_path, to_path);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size == 0) {
        return copy.range(0, to_the_end);  // those in /proc have no size
    }
    constexpr std::uint64_t block = 512;
    const bool has_holes = static_cast<std::uint64_t>(status.st_blocks) * block < size;
    if (!has_holes) {
        return copy.range(0, size);
    }
    const std::optional<std::uint64_t> between = copy_between_holes(copy, from, size, from_path);
    const std::uint64_t length = between ? *between : copy.range(0, size);
    if (uninterrupted([&] { return ::ftruncate(to, static_cast<off_t>(length)); }) != 0) {
        throw_file_error(errno, "write", to_path);
    }
    return length;
}

}  // namespace eddy::inline v0_1::detail
