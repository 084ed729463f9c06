// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <algorithm>
#include <system_error>

namespace fs = std::filesystem;

namespace {

/// One level; deeper ones are left in `pending`, so that a deep tree costs no stack.
void list_one(const fs::path& directory, FileList& list, std::vector<fs::path>& pending) {
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    if (error) {
        list.problems.add(Problems::Kind::directory, directory.string() + ": " + error.message());
        return;
    }
    while (entries != fs::directory_iterator()) {
        std::error_code status_error;
        const fs::file_status status = entries->symlink_status(status_error);
        if (fs::is_regular_file(status)) {
            list.files.push_back(entries->path());
        } else if (fs::is_directory(status)) {
            pending.push_back(entries->path());
        } else if (fs::is_symlink(status)) {
            ++list.links;
        } else if (status_error) {
            list.problems.add(Problems::Kind::entry,
                              entries->path().string() + ": " + status_error.message());
        } else {
            ++list.others;
        }
        entries.increment(error);
        if (error) {
            list.problems.add(Problems::Kind::directory,
                              directory.string() + ": " + error.message());
            return;
        }
    }
}

}  // namespace

FileList list_files(const fs::path& directory) {
    FileList list;
    std::vector<fs::path> pending = {directory};
    while (!pending.empty()) {
        const fs::path next = std::move(pending.back());
        pending.pop_back();
        list_one(next, list, pending);
    }
    std::sort(list.files.begin(), list.files.end());
    return list;
}
