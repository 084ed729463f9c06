// SPDX-License-Identifier: MIT
#include "fs/attributes.hpp"

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <sys/types.h>
#include <sys/xattr.h>

#include "fs/leased.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr const char* access_list = "system.posix_acl_access";

[[nodiscard]] bool is_kept(std::string_view name) noexcept {
    return name.starts_with("user.") || name == access_list;
}

/// What `read(data, size)` gives, however long; false, with errno, if it fails.
template <class F>
[[nodiscard]] bool read_whole(std::string& into, F read) {
    into.resize(256);
    while (true) {
        const ssize_t length = read(into.data(), into.size());
        if (length >= 0) {
            into.resize(static_cast<std::size_t>(length));
            return true;
        }
        if (errno != ERANGE || into.size() >= std::size_t{1} << 20U) {
            return false;
        }
        into.resize(into.size() * 4);
    }
}

/// -1: errno says why. `behind`: a path to it, if it may not be read.
[[nodiscard]] int open_to_look(const Place& place, std::string& behind) {
    constexpr int always = O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
    const int directory = place.directory.get();
    const char* const name = place.name.c_str();
    const int fd =
        open_leased([&] { return ::openat(directory, name, O_RDONLY | O_NONBLOCK | always); });
    if (fd >= 0 || errno != EACCES) {
        return fd;
    }
    const int named = uninterrupted([&] { return ::openat(directory, name, O_PATH | always); });
    behind = "/proc/self/fd/" + std::to_string(named);
    return named;
}

[[noreturn]] void throw_attribute(std::string_view name,
                                  std::string_view verb,
                                  std::string_view path) {
    const int error = errno;
    throw_file_error(error, verb, path, "(its attribute " + shown(name) + ")");
}

}  // namespace

AttributeSource::AttributeSource(const Place& place, std::string_view verb, std::string_view path)
    : fd_(open_to_look(place, behind_)) {
    if (fd_.get() < 0) {
        throw_file_error(errno, verb, path, "(to keep its attributes)");
    }
}

ssize_t AttributeSource::list(char* into, std::size_t size) const noexcept {
    return is_readable() ? ::flistxattr(fd_.get(), into, size)
                         : ::listxattr(behind_.c_str(), into, size);
}

ssize_t AttributeSource::get(const char* name, char* into, std::size_t size) const noexcept {
    return is_readable() ? ::fgetxattr(fd_.get(), name, into, size)
                         : ::getxattr(behind_.c_str(), name, into, size);
}

void copy_attributes(const AttributeSource& from,
                     int to,
                     std::string_view verb,
                     std::string_view path) {
    std::string names;
    if (!read_whole(names, [&](char* data, std::size_t size) { return from.list(data, size); })) {
        if (errno == ENOTSUP || errno == ENOSYS) {
            return;
        }
        throw_file_error(errno, verb, path, "(its attributes)");
    }
    bool has_list = false;
    std::string value;
    for (std::size_t at = 0; at < names.size();) {
        const char* const name = names.c_str() + at;
        const std::string_view as_text(name);
        at += as_text.size() + 1;
        if (!is_kept(as_text) || (!from.is_readable() && as_text != access_list)) {
            continue;
        }
        if (!read_whole(value,
                        [&](char* data, std::size_t size) { return from.get(name, data, size); })) {
            if (errno == ENODATA) {
                continue;  // it has just been removed
            }
            throw_attribute(as_text, verb, path);
        }
        if (::fsetxattr(to, name, value.data(), value.size(), 0) != 0) {
            throw_attribute(as_text, verb, path);
        }
        has_list = has_list || as_text == access_list;
    }
    if (has_list) {
        return;
    }
    // One that the directory gives new files would let in whom the old file kept out.
    const bool has_none = ::fgetxattr(to, access_list, nullptr, 0) < 0
                              ? errno == ENODATA || errno == ENOTSUP
                              : ::fremovexattr(to, access_list) == 0;
    if (!has_none) {
        throw_attribute(access_list, verb, path);
    }
}

}  // namespace eddy::inline v0_1::detail
