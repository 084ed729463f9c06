// SPDX-License-Identifier: MIT
#include "fs/place.hpp"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr int most_links = 40;  // as many as Linux follows

[[nodiscard]] OwnedFd open_directory_of(int from,
                                        const std::string& path,
                                        std::string_view verb,
                                        std::string_view shown_path,
                                        DirectoryUse use) {
    const int access = use == DirectoryUse::sync ? O_RDONLY : O_PATH;
    const std::string directory = directory_of(path);
    const int fd = uninterrupted(
        [&] { return ::openat(from, directory.c_str(), access | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) {
        throw_file_error(errno, verb, shown_path, "(its directory)");
    }
    return OwnedFd(fd);
}

/// A stranger may have put the link there for us to follow.
[[nodiscard]] bool is_trap(int directory, const struct stat& link) {
    struct stat around = {};
    if (link.st_uid == ::geteuid() || ::fstat(directory, &around) != 0) {
        return false;
    }
    constexpr mode_t everybodys = S_ISVTX | S_IWOTH;
    return (around.st_mode & everybodys) == everybodys && link.st_uid != around.st_uid;
}

/// A link in /proc that says where an open file was: following it is not going there. Empty: it is
/// none; else what is behind it.
[[nodiscard]] std::optional<struct stat> behind_link_of_proc(const Place& link,
                                                             std::string_view verb,
                                                             std::string_view path) {
    struct statfs system = {};
    if (::fstatfs(link.directory.get(), &system) != 0 || system.f_type != PROC_SUPER_MAGIC) {
        return std::nullopt;
    }
    std::optional<struct stat> behind(std::in_place);
    if (::fstatat(link.directory.get(), link.name.c_str(), &*behind, 0) != 0) {
        throw_file_error(errno, verb, path);
    }
    return behind;
}

/// Throws unless what the link says is where it leads to.
void require_same(const struct stat& behind,
                  const Place& place,
                  std::string_view verb,
                  std::string_view path) {
    struct stat there = {};
    if (::fstatat(place.directory.get(), place.name.c_str(), &there, 0) != 0 ||
        there.st_dev != behind.st_dev || there.st_ino != behind.st_ino) {
        throw_file_error(ENOENT, verb, path, "(it leads to a file that has no such name any more)");
    }
}

/// The last part of a path; throws for one that is no file's.
[[nodiscard]] std::string file_name_of(const std::string& path,
                                       std::string_view verb,
                                       std::string_view shown_path) {
    if (path.empty()) {
        throw_file_error(ENOENT, verb, shown_path);
    }
    if (path.back() == '/') {
        throw_file_error(EISDIR, verb, shown_path);
    }
    return path.substr(path.rfind('/') + 1);  // all of it, if there is no slash
}

[[nodiscard]] std::string_view kind_in_words(mode_t mode) {
    switch (kind_of(mode)) {
        case FileKind::symlink:
            return "a symbolic link";
        case FileKind::fifo:
            return "a FIFO";
        case FileKind::socket:
            return "a socket";
        default:
            return "a device";
    }
}

}  // namespace

Place place_of(const std::string& path, std::string_view verb, DirectoryUse use) {
    std::string name = file_name_of(path, verb, path);
    return {open_directory_of(AT_FDCWD, path, verb, path, use), std::move(name)};
}

Place place_behind(const std::string& path, std::string_view verb, DirectoryUse use) {
    std::optional<Place> place(place_of(path, verb, use));
    for (int links = 0;; ++links) {
        const auto entry = entry_at(*place, verb, path);
        if (!entry || !S_ISLNK(entry->st_mode)) {
            return std::move(*place);
        }
        const int here = place->directory.get();
        if (links == most_links) {
            throw_file_error(ELOOP, verb, path);
        }
        if (is_trap(here, *entry)) {
            throw_file_error(EACCES, verb, path, "(a stranger's link where everybody may write)");
        }
        const std::optional<struct stat> behind = behind_link_of_proc(*place, verb, path);
        const std::string next = link_text(here, place->name, verb, path);
        std::string name = file_name_of(next, verb, path);
        place.emplace(Place{open_directory_of(here, next, verb, path, use), std::move(name)});
        if (behind) {
            require_same(*behind, *place, verb, path);
        }
    }
}

std::optional<struct stat> entry_at(const Place& place,
                                    std::string_view verb,
                                    std::string_view path) {
    struct stat status = {};
    if (::fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return status;
    }
    if (errno != ENOENT) {
        throw_file_error(errno, verb, path);
    }
    return std::nullopt;
}

void require_regular(const struct stat& status, std::string_view verb, std::string_view path) {
    if (S_ISREG(status.st_mode)) {
        return;
    }
    if (S_ISDIR(status.st_mode)) {
        throw_file_error(EISDIR, verb, path);
    }
    std::string remark = "(it is ";
    remark += kind_in_words(status.st_mode);
    remark += ')';
    throw_file_error(EINVAL, verb, path, remark);
}

std::string link_text(int directory,
                      const std::string& name,
                      std::string_view verb,
                      std::string_view path) {
    std::string text(256, '\0');
    while (true) {
        const ssize_t length = ::readlinkat(directory, name.c_str(), text.data(), text.size());
        if (length < 0) {
            throw_file_error(errno, verb, path);
        }
        if (static_cast<std::size_t>(length) < text.size()) {
            text.resize(static_cast<std::size_t>(length));
            return text;
        }
        text.resize(text.size() * 2);  // it may have been cut off
    }
}

}  // namespace eddy::inline v0_1::detail
