// SPDX-License-Identifier: MIT
#include <eddy/fs/replace_file.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <eddy/detail/call_stopped.hpp>

#include "fs/attributes.hpp"
#include "fs/pending_file.hpp"
#include "fs/place.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

namespace {

constexpr std::string_view replacing = "replace";

/// Of the options, what the call needs.
struct Wanted {
    std::uint32_t mode;
    bool keep_owner;
    bool durable;
};

void fill_file(int fd, const std::string& content, const std::string& path) {
    constexpr std::size_t piece = std::size_t{4} << 20U;  // between two looks at the stop request
    const auto bytes = std::as_bytes(std::span(content));
    for (std::size_t done = 0; done < bytes.size();) {
        detail::stop_if_asked();
        const auto next = bytes.subspan(done, std::min(piece, bytes.size() - done));
        detail::write_fully(fd, done, next, path);
        done += next.size();
    }
}

/// Who may do what with the new file is what it was with the old one. The owner first: changing it
/// takes set-id bits away.
void take_over(const detail::Place& place,
               const struct stat& old,
               int fd,
               bool keep_owner,
               const std::string& path) {
    const detail::AttributeSource source(place, replacing, path);
    const struct stat now = detail::stat_descriptor(fd, path);
    const bool same_owner = now.st_uid == old.st_uid && now.st_gid == old.st_gid;
    if (keep_owner && !same_owner && ::fchown(fd, old.st_uid, old.st_gid) != 0) {
        detail::throw_file_error(errno, replacing, path, "(to keep its owner)");
    }
    detail::copy_attributes(source, fd, replacing, path);
    const mode_t kept = keep_owner || same_owner ? 07777 : 01777;
    if (::fchmod(fd, old.st_mode & kept) != 0) {
        detail::throw_file_error(errno, replacing, path, "(to keep its permissions)");
    }
}

void replace_content(const std::string& path, const std::string& content, Wanted wanted) {
    const auto use = wanted.durable ? detail::DirectoryUse::sync : detail::DirectoryUse::entries;
    const detail::Place place = detail::place_behind(path, replacing, use);
    const auto old = detail::entry_at(place, replacing, path);
    if (old) {
        detail::require_regular(*old, replacing, path);
    }
    // While it is not yet what the old one is, nobody else looks into it.
    const mode_t mode = old ? 0600 : wanted.mode & 0777U;
    detail::PendingFile file(place, mode, replacing, path);
    fill_file(file.fd(), content, path);
    if (old) {
        take_over(place, *old, file.fd(), wanted.keep_owner, path);
    }
    detail::stop_if_asked();
    if (wanted.durable) {
        detail::sync_descriptor(file.fd(), path);
        detail::stop_if_asked();
    }
    file.put(detail::IfThere::replace);
    if (wanted.durable) {
        detail::sync_place(place, replacing, path);
    }
}

}  // namespace

FileCall<void> replace_file(const std::filesystem::path& path,
                            std::string content,
                            const ReplaceOptions& options) {
    return detail::call_file("replace_file",
                             options.executor,
                             OnCancel::wait,
                             &replace_content,
                             detail::native_path(path),
                             std::move(content),
                             Wanted{options.mode, options.keep_owner, options.durable});
}

FileCall<void> replace_file(const std::filesystem::path& path,
                            std::span<const std::byte> content,
                            const ReplaceOptions& options) {
    const auto* const chars = reinterpret_cast<const char*>(content.data());
    return replace_file(path, std::string(chars, content.size()), options);
}

}  // namespace eddy::inline v0_1
