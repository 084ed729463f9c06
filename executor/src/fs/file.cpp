// SPDX-License-Identifier: MIT
#include <eddy/fs/file.hpp>

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/error.hpp>

#include "fs/open_file.hpp"
#include "fs/open_plain.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1 {

using detail::FileStep;
using detail::FileStepArguments;
using detail::OpenFile;

namespace {

// --- opening -----------------------------------------------------------------------------------

void require_sensible(const OpenOptions& options) {
    const bool reads = options.access == Access::read;
    if (reads && options.truncate) {
        throw std::invalid_argument(
            "File::open: to truncate a file, open it to write: .access = Access::read_write");
    }
    if (reads && options.create != Create::no) {
        throw std::invalid_argument(
            "File::open: to make a file, open it to write: .access = Access::read_write");
    }
}

[[nodiscard]] int flags_of(const OpenOptions& options) noexcept {
    constexpr int of_access[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND};
    int flags = of_access[static_cast<int>(options.access)];
    flags |= options.create != Create::no ? O_CREAT : 0;
    flags |= options.create == Create::must ? O_EXCL : 0;
    flags |= options.truncate ? O_TRUNC : 0;
    flags |= options.follow ? 0 : O_NOFOLLOW;
    return flags;
}

[[nodiscard]] detail::OwnedFd open_as_told(const std::string& path, const OpenOptions& options) {
    const int flags = flags_of(options);
    if (options.create == Create::must) {
        // What it makes is a plain file: nothing to look at, which could fail and leave it behind.
        return detail::open_path(path, flags, options.mode);
    }
    struct stat status = {};
    return detail::open_plain(path, flags, options.mode, status);
}

[[nodiscard]] File open_it(std::string path, const OpenOptions& options) {
    struct Release {
        void operator()(OpenFile* file) const noexcept { file->release(); }
    };
    detail::stop_if_asked();
    // First what may fail for want of memory, so that no file is made in vain.
    std::unique_ptr<OpenFile, Release> file(
        new OpenFile(std::move(path), options.access, options.executor));
    detail::OwnedFd fd = open_as_told(file->path, options);
    file->fd = fd.release();
    return detail::FileAccess::make(*file.release());
}

// --- what else runs on a worker ----------------------------------------------------------------

void sync_file(OpenFile& file, const FileStepArguments& arguments) {
    // The system says once to an open file that it could not write: who hears it has stored it
    // before another one asks, and before anything of this, such as making a text, can fail.
    const std::lock_guard lock(file.sync_mutex);
    if (file.sync_error != 0) {
        detail::throw_file_error(file.sync_error,
                                 "sync",
                                 file.path,
                                 "(an earlier sync failed: what was written may be lost)");
    }
    file.sync_error = detail::try_sync(file.fd, detail::SyncWhat(arguments.what != 0));
    if (file.sync_error != 0) {
        detail::throw_file_error(file.sync_error, "sync", file.path);
    }
}

void truncate_file(OpenFile& file, const FileStepArguments& arguments) {
    const auto length = static_cast<off_t>(arguments.length);
    if (detail::uninterrupted([&] { return ::ftruncate(file.fd, length); }) < 0) {
        detail::throw_file_error(errno, "truncate", file.path);
    }
}

[[nodiscard]] FileStatus status_of(OpenFile& file, const FileStepArguments&) {
    return detail::to_status(detail::stat_descriptor(file.fd, file.path));
}

void advise_file(OpenFile& file, const FileStepArguments& arguments) {
    constexpr int advices[] = {POSIX_FADV_NORMAL,
                               POSIX_FADV_SEQUENTIAL,
                               POSIX_FADV_RANDOM,
                               POSIX_FADV_WILLNEED,
                               POSIX_FADV_DONTNEED};
    const int error = ::posix_fadvise(file.fd,
                                      static_cast<off_t>(arguments.offset),
                                      static_cast<off_t>(arguments.length),
                                      advices[arguments.what]);
    if (error != 0) {
        detail::throw_file_error(error, "advise", file.path);
    }
}

/// Throws: `InvalidState` after a move.
[[nodiscard]] OpenFile& of(OpenFile* file, const char* what) {
    if (file == nullptr) {
        throw InvalidState(std::string(what) + ": this file was moved from");
    }
    return *file;
}

}  // namespace

FileCall<File> File::open(const std::filesystem::path& path, const OpenOptions& options) {
    require_sensible(options);
    return detail::call_file("File::open",
                             options.executor,
                             options.access == Access::read ? OnCancel::abandon : OnCancel::wait,
                             &open_it,
                             detail::native_path(path),
                             options);
}

bool File::is_open() const noexcept { return file_ != nullptr && !file_->closing; }

const std::string& File::path() const { return of(file_, "File::path").path; }

FileStatistics File::statistics() const {
    const OpenFile& file = of(file_, "File::statistics");
    file.bound.check("File::statistics");
    FileStatistics statistics = file.statistics;
    statistics.running = file.running();
    return statistics;
}

int File::native_handle() const {
    const OpenFile& file = of(file_, "File::native_handle");
    if (file.closing) {
        throw ClosedResource("File::native_handle: " + detail::shown(file.path) + " is closed");
    }
    return file.fd;
}

FileStep<void> File::sync() const {
    return {file_, "File::sync", OnCancel::abandon, &sync_file, {.what = 0}};
}

FileStep<void> File::sync_data() const {
    return {file_, "File::sync_data", OnCancel::abandon, &sync_file, {.what = 1}};
}

FileStep<void> File::truncate(std::uint64_t length) const {
    return {file_,
            "File::truncate",
            OnCancel::wait,
            &truncate_file,
            {.length = length, .writes = true}};
}

FileStep<FileStatus> File::status() const {
    return {file_, "File::status", OnCancel::abandon, &status_of, {}};
}

FileStep<void> File::advise(Advice advice, std::uint64_t offset, std::uint64_t length) const {
    return {file_,
            "File::advise",
            OnCancel::abandon,
            &advise_file,
            {.offset = offset, .length = length, .what = static_cast<int>(advice)}};
}

detail::FileClose File::close() const {
    if (file_ != nullptr && file_->inherited()) {
        file_->close_inherited();
    } else if (file_ != nullptr) {
        file_->bound.check("File::close");
        file_->begin_close();
    }
    return detail::FileClose(file_);
}

}  // namespace eddy::inline v0_1
