// SPDX-License-Identifier: MIT
#include <eddy/fs/temporary.hpp>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <eddy/detail/call_stopped.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/error.hpp>

#include "fs/leased.hpp"
#include "fs/open_file.hpp"
#include "fs/pending_file.hpp"
#include "fs/place.hpp"
#include "fs/posix.hpp"
#include "fs/temporary_entry.hpp"

namespace eddy::inline v0_1 {

using detail::TemporaryEntry;

namespace {

using EntryPointer = std::shared_ptr<TemporaryEntry>;

/// Where temporary things go. Not by the environment for a program that has more rights than who
/// has started it.
[[nodiscard]] std::string temporary_directory(std::string_view asked) {
    if (!asked.empty()) {
        return std::string(asked);
    }
    const char* const told = ::secure_getenv("TMPDIR");
    return told != nullptr && *told != '\0' ? told : "/tmp";
}

[[nodiscard]] std::string part_of_name(std::string_view text) {
    if (text.find('/') != std::string_view::npos) {
        throw std::invalid_argument("the name of a temporary file has no slash in it: " +
                                    detail::shown(text));
    }
    return detail::native_path(std::filesystem::path(text));
}

/// So that it is found again when the program has gone elsewhere.
[[nodiscard]] std::string absolute_now(const std::string& directory) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::absolute(directory, error);
    if (error) {
        detail::throw_file_error(error.value(), "find the directory", directory);
    }
    return path.string();
}

[[nodiscard]] TemporaryFile make_temporary_file(const EntryPointer& entry,
                                                const std::string& directory,
                                                const std::string& prefix,
                                                const std::string& suffix) {
    detail::stop_if_asked();
    detail::OwnedFd fd = entry->make(absolute_now(directory), prefix, suffix);
    auto* const file = new detail::OpenFile(entry->path(), Access::read_write, entry->executor());
    file->fd = fd.release();
    return TemporaryEntry::owned<TemporaryFile>(entry, detail::FileAccess::make(*file));
}

[[nodiscard]] TemporaryDirectory make_temporary_directory(const EntryPointer& entry,
                                                          const std::string& directory,
                                                          const std::string& prefix,
                                                          const std::string& suffix) {
    detail::stop_if_asked();
    static_cast<void>(entry->make(absolute_now(directory), prefix, suffix));
    return TemporaryEntry::owned<TemporaryDirectory>(entry);
}

template <class Make>
[[nodiscard]] auto create_temporary(const char* what,
                                    TemporaryEntry::Kind kind,
                                    Make make,
                                    const TemporaryOptions& options) {
    return detail::call_file(what,
                             options.executor,
                             OnCancel::wait,
                             make,
                             std::make_shared<TemporaryEntry>(kind, options.executor),
                             detail::native_path(temporary_directory(options.directory)),
                             part_of_name(options.prefix),
                             part_of_name(options.suffix));
}

[[nodiscard]] TemporaryEntry& entry_of(const EntryPointer& entry, const char* what) {
    if (entry == nullptr) {
        throw InvalidState(std::string(what) + ": it was moved from");
    }
    return *entry;
}

[[nodiscard]] std::filesystem::path keep_entry(TemporaryEntry& entry) {
    std::filesystem::path path = entry.path();
    entry.keep([] {});
    return path;
}

void remove_entry(const EntryPointer& entry) { entry->remove(); }

[[nodiscard]] FileCall<void> remove_entry_of(const EntryPointer& entry, const char* what) {
    Executor* const executor = entry_of(entry, what).executor();
    return detail::call_file(what, executor, OnCancel::wait, &remove_entry, entry);
}

/// Of the options, what the call needs.
struct PersistWanted {
    bool replace;
    bool durable;
    std::uint32_t mode;
};

/// What a file that is to stay gets, and loses again if it does not: it may hold what nobody else
/// is to see, in a directory that is everybody's.
class ModeUntilSettled final {
public:
    ModeUntilSettled(int fd, mode_t before) noexcept : fd_(fd), before_(before) {}
    ModeUntilSettled(const ModeUntilSettled&) = delete;
    ModeUntilSettled& operator=(const ModeUntilSettled&) = delete;
    ~ModeUntilSettled() {
        if (fd_ >= 0) {
            static_cast<void>(::fchmod(fd_, before_));
        }
    }

    [[nodiscard]] bool set(mode_t mode) const noexcept { return ::fchmod(fd_, mode) == 0; }
    void settle() noexcept { fd_ = -1; }

private:
    int fd_;
    const mode_t before_;
};

/// The file behind a descriptor that is good for its name only.
[[nodiscard]] std::string path_behind(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

/// Opens our own file, whoever may read it by now.
[[nodiscard]] detail::OwnedFd open_whatever_mode(const std::string& path) {
    for (const int access : {O_RDONLY, O_WRONLY}) {
        const int fd = detail::open_leased([&] {
            return ::openat(AT_FDCWD, path.c_str(), access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        });
        if (fd >= 0) {
            return detail::OwnedFd(fd);
        }
        if (errno != EACCES) {
            detail::throw_file_error(errno, "open", path);
        }
    }
    const detail::OwnedFd name = detail::open_path(path, O_PATH | O_NOFOLLOW);
    const struct stat status = detail::stat_descriptor(name.get(), path);
    const std::string behind = path_behind(name.get());
    detail::require_regular(status, "open", path);
    if (::fchmodat(AT_FDCWD, behind.c_str(), (S_IRUSR | status.st_mode) & 07777U, 0) != 0) {
        detail::throw_file_error(errno, "open", path);
    }
    const int fd = detail::uninterrupted(
        [&] { return ::openat(AT_FDCWD, behind.c_str(), O_RDONLY | O_CLOEXEC); });
    const int error = errno;
    static_cast<void>(::fchmodat(AT_FDCWD, behind.c_str(), status.st_mode & 07777U, 0));
    if (fd < 0) {
        detail::throw_file_error(error, "open", path);
    }
    return detail::OwnedFd(fd);
}

void persist_entry(const EntryPointer& entry, const std::string& to, PersistWanted wanted) {
    const std::string verb = "rename " + detail::shown(entry->path()) + " to";
    const auto use = wanted.durable ? detail::DirectoryUse::sync : detail::DirectoryUse::entries;
    const detail::Place place = detail::place_of(to, verb, use);
    entry->keep([&] {
        const detail::OwnedFd fd = open_whatever_mode(entry->path());
        const struct stat before = detail::stat_descriptor(fd.get(), entry->path());
        ModeUntilSettled mode(fd.get(), before.st_mode & 07777U);
        if (!mode.set(wanted.mode & 07777U)) {
            detail::throw_file_error(errno, verb, to, "(to give it its permissions)");
        }
        if (wanted.durable) {
            detail::sync_descriptor(fd.get(), entry->path());
        }
        detail::stop_if_asked();
        const auto if_there = wanted.replace ? detail::IfThere::replace : detail::IfThere::fail;
        const auto [error, remark] = detail::rename_entry(
            AT_FDCWD, entry->path(), place.directory.get(), place.name, if_there);
        if (error != 0) {
            constexpr std::string_view elsewhere =
                "(which is in another file system: make it in the target's directory, "
                "{.directory = ...})";
            detail::throw_file_error(error, verb, to, error == EXDEV ? elsewhere : remark);
        }
        mode.settle();
    });
    if (wanted.durable) {
        detail::sync_place(place, verb, to);
    }
}

}  // namespace

// --- files --------------------------------------------------------------------------------------

FileCall<TemporaryFile> TemporaryFile::create(const TemporaryOptions& options) {
    return create_temporary(
        "TemporaryFile::create", TemporaryEntry::Kind::file, &make_temporary_file, options);
}

std::filesystem::path TemporaryFile::path() const {
    return entry_of(entry_, "TemporaryFile::path").path();
}

FileCall<void> TemporaryFile::persist(const std::filesystem::path& to,
                                      const PersistOptions& options) {
    Executor* const executor = entry_of(entry_, "TemporaryFile::persist").executor();
    return detail::call_file("TemporaryFile::persist",
                             executor,
                             OnCancel::wait,
                             &persist_entry,
                             entry_,
                             detail::native_path(to),
                             PersistWanted{options.replace, options.durable, options.mode});
}

std::filesystem::path TemporaryFile::keep() {
    return keep_entry(entry_of(entry_, "TemporaryFile::keep"));
}

FileCall<void> TemporaryFile::remove() { return remove_entry_of(entry_, "TemporaryFile::remove"); }

// --- directories --------------------------------------------------------------------------------

FileCall<TemporaryDirectory> TemporaryDirectory::create(const TemporaryOptions& options) {
    return create_temporary("TemporaryDirectory::create",
                            TemporaryEntry::Kind::directory,
                            &make_temporary_directory,
                            options);
}

std::filesystem::path TemporaryDirectory::path() const {
    return entry_of(entry_, "TemporaryDirectory::path").path();
}

std::filesystem::path TemporaryDirectory::keep() {
    return keep_entry(entry_of(entry_, "TemporaryDirectory::keep"));
}

FileCall<void> TemporaryDirectory::remove() {
    return remove_entry_of(entry_, "TemporaryDirectory::remove");
}

}  // namespace eddy::inline v0_1
