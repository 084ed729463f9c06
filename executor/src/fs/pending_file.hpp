// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

#include "fs/place.hpp"

namespace eddy::inline v0_1::detail {

/// What becomes of something that is there already where a file is put.
enum class IfThere : bool { replace, fail };

/// How a rename ended: 0, or an errno, and what there is to say of it.
struct Renamed {
    int error = 0;
    std::string_view remark;
};

/// `renameat`, or one that fails with EEXIST rather than replace. Where the system cannot rename
/// like that, or a sandbox does not let it, a file gets its new name before it loses the old one.
[[nodiscard]] Renamed rename_entry(int from_directory,
                                   const std::string& from,
                                   int to_directory,
                                   const std::string& to,
                                   IfThere if_there) noexcept;

/// A new file in the directory of the one that it is to become, under a name of its own:
/// `.eddy-*.tmp`. Until it has been put there, it is removed with this object.
///
/// Its name has nothing of the other one's: it fits where that one fits.
class PendingFile final {
public:
    /// Throws: `IoError`, "VERB PATH (a new file beside it): ...".
    PendingFile(const Place& place, mode_t mode, std::string_view verb, std::string_view path);
    PendingFile(const PendingFile&) = delete;
    PendingFile& operator=(const PendingFile&) = delete;
    ~PendingFile();

    [[nodiscard]] int fd() const noexcept { return fd_; }

    /// Closes it, and gives it its name; both may fail, and nothing has changed then.
    void put(IfThere if_there);

private:
    [[noreturn]] void fail(int error, std::string_view remark) const;

    const Place& place_;
    const std::string_view verb_;
    const std::string_view path_;
    std::string name_;
    int fd_ = -1;
    bool named_ = false;  // there is an entry of that name, and it is ours
};

/// Syncs the directory in which a file has been put. One whose file system has no such thing is
/// none the worse for it. Throws: `IoError`, which says that the file is there.
void sync_place(const Place& place, std::string_view verb, std::string_view path);

}  // namespace eddy::inline v0_1::detail
