// SPDX-License-Identifier: MIT
#include <eddy/fs/copy_file.hpp>

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>

#include "fs/copy_content.hpp"
#include "fs/leased.hpp"
#include "fs/pending_file.hpp"
#include "fs/place.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

constexpr std::string_view copying = "copy";

/// Of the options, what the call needs.
struct CopyWanted {
    bool replace;
    bool keep_mode;
    bool durable;
};

/// Looks first: to open a FIFO or a device is to do something with it.
[[nodiscard]] detail::OwnedFd open_source(const std::string& path) {
    struct stat status = {};
    if (::fstatat(AT_FDCWD, path.c_str(), &status, 0) != 0) {
        detail::throw_file_error(errno, copying, path);
    }
    detail::require_regular(status, copying, path);
    const int fd = detail::open_leased([&] {
        return ::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    });
    if (fd < 0) {
        detail::throw_file_error(errno, "open", path);
    }
    return detail::OwnedFd(fd);
}

/// Whether the copy may go there.
void look_at_target(const detail::Place& place,
                    const struct stat& source,
                    bool replace,
                    std::string_view verb,
                    const std::string& to) {
    const auto there = detail::entry_at(place, verb, to);
    if (!there) {
        return;
    }
    if (there->st_dev == source.st_dev && there->st_ino == source.st_ino) {
        detail::throw_file_error(EINVAL, verb, to, "(which is the same file)");
    }
    if (!replace) {
        detail::throw_file_error(EEXIST, verb, to);
    }
    detail::require_regular(*there, verb, to);
}

[[nodiscard]] std::uint64_t copy_whole(const std::string& from,
                                       const std::string& to,
                                       CopyWanted wanted) {
    const detail::OwnedFd source = open_source(from);
    const struct stat status = detail::stat_descriptor(source.get(), from);
    detail::require_regular(status, copying, from);
    const std::string verb = "copy " + detail::shown(from) + " to";
    const auto use = wanted.durable ? detail::DirectoryUse::sync : detail::DirectoryUse::entries;
    const detail::Place place =
        wanted.replace ? detail::place_behind(to, verb, use) : detail::place_of(to, verb, use);
    look_at_target(place, status, wanted.replace, verb, to);
    // Nobody reads what only some may read, before it has its permissions.
    detail::PendingFile file(place, wanted.keep_mode ? 0600 : 0666, verb, to);
    const std::uint64_t length = detail::copy_content(source.get(), status, file.fd(), from, to);
    if (wanted.keep_mode && ::fchmod(file.fd(), status.st_mode & 0777U) != 0) {
        detail::throw_file_error(errno, verb, to, "(to give it its permissions)");
    }
    detail::stop_if_asked();
    if (wanted.durable) {
        detail::sync_descriptor(file.fd(), to);
        detail::stop_if_asked();
    }
    file.put(wanted.replace ? detail::IfThere::replace : detail::IfThere::fail);
    if (wanted.durable) {
        detail::sync_place(place, verb, to);
    }
    return length;
}

}  // namespace

FileCall<std::uint64_t> copy_file(const std::filesystem::path& from,
                                  const std::filesystem::path& to,
                                  const CopyOptions& options) {
    return detail::call_file("copy_file",
                             options.executor,
                             OnCancel::wait,
                             &copy_whole,
                             detail::native_path(from),
                             detail::native_path(to),
                             CopyWanted{options.replace, options.keep_mode, options.durable});
}

}  // namespace eddy::inline v0_1
