// SPDX-License-Identifier: MIT
#include <eddy/fs/paths.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/pending_file.hpp"
#include "fs/place.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

/// "rename A to B: ...".
[[noreturn]] void throw_of_two(int error,
                               std::string_view verb,
                               const std::string& from,
                               std::string_view between,
                               const std::string& to,
                               std::string_view remark = {}) {
    std::string text(verb);
    text += ' ';
    text += detail::shown(from);
    text += between;
    detail::throw_file_error(error, text, to, remark);
}

void rename_now(const std::string& from, const std::string& to, bool replace) {
    const auto if_there = replace ? detail::IfThere::replace : detail::IfThere::fail;
    const auto [error, remark] = detail::rename_entry(AT_FDCWD, from, AT_FDCWD, to, if_there);
    if (error != 0) {
        constexpr std::string_view elsewhere =
            "(which is in another file system: copy_file goes there)";
        throw_of_two(error, "rename", from, " to", to, error == EXDEV ? elsewhere : remark);
    }
}

[[nodiscard]] bool unlink_if_there(const std::string& path) {
    if (::unlinkat(AT_FDCWD, path.c_str(), 0) == 0) {
        return true;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        return false;
    }
    detail::throw_file_error(errno, "remove", path);
}

void unlink_now(const std::string& path) {
    if (::unlinkat(AT_FDCWD, path.c_str(), 0) != 0) {
        detail::throw_file_error(errno, "remove", path);
    }
}

void remove_directory_now(const std::string& path) {
    if (::unlinkat(AT_FDCWD, path.c_str(), AT_REMOVEDIR) != 0) {
        detail::throw_file_error(errno, "remove", path);
    }
}

[[nodiscard]] bool is_directory_now(const std::string& path) noexcept {
    struct stat status = {};
    return ::fstatat(AT_FDCWD, path.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode);
}

/// 0, or the errno. One that is there will do, whatever the system says of making it: on a disk
/// that is only read, not that it is there.
[[nodiscard]] int make_unless_there(const std::string& path, mode_t mode) noexcept {
    if (::mkdirat(AT_FDCWD, path.c_str(), mode) == 0) {
        return 0;
    }
    const int error = errno;
    return is_directory_now(path) ? 0 : error;
}

void make_with_parents(std::string path, mode_t mode) {
    // What stands behind the last name makes no difference.
    path.resize(std::max(path.find_last_not_of('/') + 1, std::min<std::size_t>(path.size(), 1)));
    int error = make_unless_there(path, mode);
    if (error == ENOENT) {
        error = 0;
        for (auto slash = path.find('/', 1); slash != std::string::npos && error == 0;) {
            error = make_unless_there(path.substr(0, slash), 0777);
            const auto name = path.find_first_not_of('/', slash);
            slash = name == std::string::npos ? name : path.find('/', name);
        }
        error = error == 0 ? make_unless_there(path, mode) : error;
    }
    if (error != 0) {
        detail::throw_file_error(error, "make the directory", path);
    }
}

void make_directory_now(const std::string& path, mode_t mode, bool parents) {
    if (parents) {
        make_with_parents(path, mode);
    } else if (::mkdirat(AT_FDCWD, path.c_str(), mode) != 0) {
        detail::throw_file_error(errno, "make the directory", path);
    }
}

void symlink_now(const std::string& target, const std::string& link) {
    if (::symlinkat(target.c_str(), AT_FDCWD, link.c_str()) != 0) {
        throw_of_two(errno, "make the link", link, " to", target);
    }
}

void link_now(const std::string& path, const std::string& link) {
    if (::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, link.c_str(), 0) != 0) {
        throw_of_two(errno, "make the link", link, " to", path);
    }
}

[[nodiscard]] std::filesystem::path read_link_now(const std::string& path) {
    return detail::link_text(AT_FDCWD, path, "read the link", path);
}

}  // namespace

FileCall<void> rename_path(const std::filesystem::path& from,
                           const std::filesystem::path& to,
                           const RenameOptions& options) {
    return detail::call_file("rename_path",
                             options.executor,
                             OnCancel::wait,
                             &rename_now,
                             detail::native_path(from),
                             detail::native_path(to),
                             options.replace);
}

FileCall<void> remove_file(const std::filesystem::path& path, const PathOptions& options) {
    return detail::call_file(
        "remove_file", options.executor, OnCancel::wait, &unlink_now, detail::native_path(path));
}

FileCall<bool> try_remove_file(const std::filesystem::path& path, const PathOptions& options) {
    return detail::call_file("try_remove_file",
                             options.executor,
                             OnCancel::wait,
                             &unlink_if_there,
                             detail::native_path(path));
}

FileCall<void> remove_directory(const std::filesystem::path& path, const PathOptions& options) {
    return detail::call_file("remove_directory",
                             options.executor,
                             OnCancel::wait,
                             &remove_directory_now,
                             detail::native_path(path));
}

FileCall<void> make_directory(const std::filesystem::path& path,
                              const MakeDirectoryOptions& options) {
    return detail::call_file("make_directory",
                             options.executor,
                             OnCancel::wait,
                             &make_directory_now,
                             detail::native_path(path),
                             static_cast<mode_t>(options.mode),
                             options.parents);
}

FileCall<void> make_symlink(const std::filesystem::path& target,
                            const std::filesystem::path& link,
                            const PathOptions& options) {
    return detail::call_file("make_symlink",
                             options.executor,
                             OnCancel::wait,
                             &symlink_now,
                             detail::native_path(target),
                             detail::native_path(link));
}

FileCall<void> make_hard_link(const std::filesystem::path& path,
                              const std::filesystem::path& link,
                              const PathOptions& options) {
    return detail::call_file("make_hard_link",
                             options.executor,
                             OnCancel::wait,
                             &link_now,
                             detail::native_path(path),
                             detail::native_path(link));
}

FileCall<std::filesystem::path> symlink_target(const std::filesystem::path& path,
                                               const PathOptions& options) {
    return detail::call_file("symlink_target",
                             options.executor,
                             OnCancel::abandon,
                             &read_link_now,
                             detail::native_path(path));
}

}  // namespace eddy::inline v0_1
