// SPDX-License-Identifier: MIT
#include "fs/pending_file.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "fs/posix.hpp"
#include "fs/random_name.hpp"

namespace eddy::inline v0_1::detail {

namespace {

/// A second name, then the first one goes: a file that is there already is in the way of a link. 0,
/// or an errno.
[[nodiscard]] int link_and_unlink(int from_directory,
                                  const std::string& from,
                                  int to_directory,
                                  const std::string& to) noexcept {
    if (::linkat(from_directory, from.c_str(), to_directory, to.c_str(), 0) != 0) {
        return errno;
    }
    if (::unlinkat(from_directory, from.c_str(), 0) != 0) {
        const int error = errno;
        ::unlinkat(to_directory, to.c_str(), 0);
        return error;
    }
    return 0;
}

/// A directory, a file system without links, or a sandbox that forbids these, too.
[[nodiscard]] bool says_no_links(int error) noexcept {
    return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

[[nodiscard]] Renamed renamed(int error) noexcept {
    return {error, error == EBUSY ? "(it is a mount point)" : std::string_view()};
}

}  // namespace

Renamed rename_entry(int from_directory,
                     const std::string& from,
                     int to_directory,
                     const std::string& to,
                     IfThere if_there) noexcept {
    if (if_there == IfThere::replace) {
        const int result = ::renameat(from_directory, from.c_str(), to_directory, to.c_str());
        return renamed(result == 0 ? 0 : errno);
    }
    int refused = EINVAL;
#if defined(RENAME_NOREPLACE)
    if (::renameat2(from_directory, from.c_str(), to_directory, to.c_str(), RENAME_NOREPLACE) ==
        0) {
        return {};
    }
    refused = errno;
    if (refused != EINVAL && refused != ENOSYS && refused != EPERM) {
        return renamed(refused);
    }
#endif
    const int error = link_and_unlink(from_directory, from, to_directory, to);
    if (!says_no_links(error)) {
        return renamed(error);
    }
    return {refused,
            refused == EPERM ? std::string_view()
                             : "(some file systems can do it only with {.replace = true})"};
}

PendingFile::PendingFile(const Place& place,
                         mode_t mode,
                         std::string_view verb,
                         std::string_view path)
    : place_(place), verb_(verb), path_(path) {
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    for (int attempt = 0; attempt < name_attempts; ++attempt) {
        name_ = random_name(".eddy-", ".tmp");
        fd_ = uninterrupted(
            [&] { return ::openat(place_.directory.get(), name_.c_str(), flags, mode); });
        if (fd_ >= 0) {
            named_ = true;
            return;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    fail(errno, "(a new file beside it)");
}

PendingFile::~PendingFile() {
    if (named_) {
        ::unlinkat(place_.directory.get(), name_.c_str(), 0);
    }
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void PendingFile::fail(int error, std::string_view remark) const {
    throw_file_error(error, verb_, path_, remark);
}

void PendingFile::put(IfThere if_there) {
    // Some file systems, across a network, say only now what they could not write. EINTR is no
    // failure: the descriptor is gone.
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
        fail(errno, "(closing what was written)");
    }
    const int directory = place_.directory.get();
    const auto [error, remark] = rename_entry(directory, name_, directory, place_.name, if_there);
    if (error != 0) {
        fail(error, remark);
    }
    named_ = false;
}

void sync_place(const Place& place, std::string_view verb, std::string_view path) {
    const int result = uninterrupted([&] { return ::fsync(place.directory.get()); });
    if (result != 0 && errno != EINVAL) {
        throw_file_error(errno,
                         verb,
                         path,
                         "(done, but a power cut may undo it: its directory could not be synced)");
    }
}

}  // namespace eddy::inline v0_1::detail
