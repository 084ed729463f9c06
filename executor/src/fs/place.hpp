// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include <eddy/detail/owned_fd.hpp>

namespace eddy::inline v0_1::detail {

/// Where an entry is: its directory, open, and its name in there. What is done by these is done in
/// one directory, whatever becomes of the names on the way to it.
struct Place {
    OwnedFd directory;
    std::string name;
};

/// What a directory is opened for: to be synced as well (it must be readable), or not.
enum class DirectoryUse : bool { entries, sync };

/// The place that `path` names, itself a link or not. Throws: `IoError`, "VERB PATH: ...", also for
/// one that can be no file's: with a slash at its end, or nothing at all.
[[nodiscard]] Place place_of(const std::string& path, std::string_view verb, DirectoryUse use);

/// The place where `path` leads to, through all symlinks; there may be nothing.
///
/// A stranger's link in a directory where everybody may write is not followed, as Linux itself does
/// not when it is asked to open one (`fs.protected_symlinks`): EACCES. One of /proc/self/fd whose
/// file has lost its name leads to no place: ENOENT.
[[nodiscard]] Place place_behind(const std::string& path, std::string_view verb, DirectoryUse use);

/// What is there, not following a link; empty if nothing. Throws: `IoError`, "VERB PATH: ...".
[[nodiscard]] std::optional<struct stat> entry_at(const Place& place,
                                                  std::string_view verb,
                                                  std::string_view path);

/// Throws unless it is a plain file: "VERB PATH (it is a directory): ...".
void require_regular(const struct stat& status, std::string_view verb, std::string_view path);

/// What the link at `name` says. Throws: `IoError`, "VERB PATH: ...".
[[nodiscard]] std::string link_text(int directory,
                                    const std::string& name,
                                    std::string_view verb,
                                    std::string_view path);

}  // namespace eddy::inline v0_1::detail
