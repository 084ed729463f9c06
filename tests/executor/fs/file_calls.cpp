// SPDX-License-Identifier: MIT
#include "file_calls.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <thread>
#include <unistd.h>

namespace eddy::testing {

namespace {

constinit std::atomic<FilePlan*> current{nullptr};
constinit std::atomic<int> asking{0};  // threads that are, or may be, in a plan

/// The plan, which stays for as long as this does.
class Asked final {
public:
    Asked() noexcept {
        asking.fetch_add(1);
        plan_ = current.load();
    }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;
    ~Asked() { asking.fetch_sub(1); }

    [[nodiscard]] FilePlan* plan() const noexcept { return plan_; }

private:
    FilePlan* plan_ = nullptr;
};

}  // namespace

std::string_view name_of(FileSystemCall call) noexcept {
    constexpr std::string_view names[] = {
        "openat",     "close",     "fstat",     "fstatat",         "pread",     "preadv2",
        "pwrite",     "write",     "fsync",     "fdatasync",       "ftruncate", "posix_fadvise",
        "fchmod",     "fchown",    "rename",    "renameat2",       "linkat",    "unlink",
        "unlinkat",   "mkdir",     "mkdirat",   "copy_file_range", "flock",     "fdopendir",
        "readdir",    "getrandom", "renameat",  "readlinkat",      "symlinkat", "lseek",
        "flistxattr", "fgetxattr", "fsetxattr", "fremovexattr",    "none"};
    return names[static_cast<std::size_t>(call)];
}

FilePlan::FilePlan() noexcept { current.store(this); }
FilePlan::~FilePlan() { end(); }

void FilePlan::end() noexcept {
    current.store(nullptr);
    while (asking.load() != 0) {
        std::this_thread::yield();
    }
}

int FailFileCall::error_of(FileSystemCall call) noexcept {
    if (call_ != any && call != call_) {
        return 0;
    }
    const std::size_t number = ++calls_;
    if (nth_ == 0 || number < nth_ || (how_many_ != always && number >= nth_ + how_many_)) {
        return 0;
    }
    ++failed_;
    which_.store(call);
    return error_;
}

#if EDDY_FILE_CALL_FAULTS

namespace {

/// The next function of that name: the C library's, or a sanitizer's in front of it.
template <class Function>
Function* next(const char* name) noexcept {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// What the plan says: true if the call is not to be made, and then its result.
bool replaced(FileSystemCall call, int& result) noexcept {
    const int before = errno;  // readdir says with it whether its end is one; a plan may wait
    const int error = [&] {
        const Asked asked;
        return asked.plan() != nullptr ? asked.plan()->error_of(call) : 0;
    }();
    errno = error > 0 ? error : before;
    result = error == FilePlan::ends ? 0 : -1;
    return error != 0;
}

/// Not so of what a worker wakes its loop with: a plan that failed that would hang the test.
bool is_of_a_file(int fd) noexcept {
    struct stat status = {};
    return current.load() != nullptr && ::syscall(SYS_fstat, fd, &status) == 0 &&
           S_ISREG(status.st_mode);
}

std::size_t most(FileSystemCall call, std::size_t length) noexcept {
    const Asked asked;
    return asked.plan() != nullptr && length > 1
               ? std::clamp<std::size_t>(asked.plan()->most(call, length), 1, length)
               : length;
}

}  // namespace

#endif

}  // namespace eddy::testing

#if EDDY_FILE_CALL_FAULTS

using eddy::testing::FilePlan;
using eddy::testing::FileSystemCall;
using eddy::testing::is_of_a_file;
using eddy::testing::most;
using eddy::testing::next;
using eddy::testing::replaced;

// A call that neither moves bytes nor has a variable number of arguments.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define EDDY_FAULTY(name, parameters, arguments, ...) \
    EDDY_FAULTY_RETURNING(int, name, parameters, arguments, __VA_ARGS__)
#define EDDY_FAULTY_RETURNING(type, name, parameters, arguments, ...)            \
    type name parameters __VA_ARGS__ {                                           \
        static auto* const real = next<type parameters>(#name);                  \
        int result = 0;                                                          \
        return replaced(FileSystemCall::name, result) ? result : real arguments; \
    }
// NOLINTEND(bugprone-macro-parentheses)

extern "C" {

int openat(int directory, const char* path, int flags, ...) {
    static auto* const real = next<int(int, const char*, int, ...)>("openat");
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    int result = 0;
    return replaced(FileSystemCall::openat, result) ? result : real(directory, path, flags, mode);
}

// A close that fails has closed all the same, as Linux does it.
int close(int fd) {
    static auto* const real = next<int(int)>("close");
    int result = 0;
    if (replaced(FileSystemCall::close, result)) {
        const int error = errno;
        real(fd);
        errno = error;
        return result;
    }
    return real(fd);
}

EDDY_FAULTY(fstat, (int fd, struct stat* status), (fd, status), noexcept)
EDDY_FAULTY(fstatat,
            (int fd, const char* path, struct stat* status, int flags),
            (fd, path, status, flags),
            noexcept)
EDDY_FAULTY(fsync, (int fd), (fd))
EDDY_FAULTY(fdatasync, (int fd), (fd))
EDDY_FAULTY(ftruncate, (int fd, off_t length), (fd, length), noexcept)
EDDY_FAULTY(fchmod, (int fd, mode_t mode), (fd, mode), noexcept)
EDDY_FAULTY(fchown, (int fd, uid_t owner, gid_t group), (fd, owner, group), noexcept)
EDDY_FAULTY(rename, (const char* from, const char* to), (from, to), noexcept)
EDDY_FAULTY(renameat2,
            (int from_at, const char* from, int to_at, const char* to, unsigned flags),
            (from_at, from, to_at, to, flags),
            noexcept)
EDDY_FAULTY(linkat,
            (int from_at, const char* from, int to_at, const char* to, int flags),
            (from_at, from, to_at, to, flags),
            noexcept)
EDDY_FAULTY(renameat,
            (int from_at, const char* from, int to_at, const char* to),
            (from_at, from, to_at, to),
            noexcept)
EDDY_FAULTY(symlinkat, (const char* says, int at, const char* path), (says, at, path), noexcept)
EDDY_FAULTY(fsetxattr,
            (int fd, const char* name, const void* value, std::size_t size, int flags),
            (fd, name, value, size, flags),
            noexcept)
EDDY_FAULTY(fremovexattr, (int fd, const char* name), (fd, name), noexcept)
EDDY_FAULTY(unlink, (const char* path), (path), noexcept)
EDDY_FAULTY(unlinkat, (int at, const char* path, int flags), (at, path, flags), noexcept)
EDDY_FAULTY(mkdir, (const char* path, mode_t mode), (path, mode), noexcept)
EDDY_FAULTY(mkdirat, (int at, const char* path, mode_t mode), (at, path, mode), noexcept)
EDDY_FAULTY(flock, (int fd, int operation), (fd, operation), noexcept)

EDDY_FAULTY_RETURNING(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), noexcept)
EDDY_FAULTY_RETURNING(ssize_t,
                      readlinkat,
                      (int at, const char* path, char* into, std::size_t size),
                      (at, path, into, size),
                      noexcept)
EDDY_FAULTY_RETURNING(
    ssize_t, flistxattr, (int fd, char* into, std::size_t size), (fd, into, size), noexcept)
EDDY_FAULTY_RETURNING(ssize_t,
                      fgetxattr,
                      (int fd, const char* name, void* into, std::size_t size),
                      (fd, name, into, size),
                      noexcept)

// The error is what it returns.
int posix_fadvise(int fd, off_t offset, off_t length, int advice) noexcept {
    static auto* const real = next<int(int, off_t, off_t, int)>("posix_fadvise");
    int result = 0;
    return replaced(FileSystemCall::posix_fadvise, result) ? errno
                                                           : real(fd, offset, length, advice);
}

ssize_t pread(int fd, void* into, std::size_t length, off_t offset) {
    static auto* const real = next<ssize_t(int, void*, std::size_t, off_t)>("pread");
    int result = 0;
    return replaced(FileSystemCall::pread, result)
               ? result
               : real(fd, into, most(FileSystemCall::pread, length), offset);
}

ssize_t preadv2(int fd, const iovec* into, int count, off_t offset, int flags) {
    static auto* const real = next<ssize_t(int, const iovec*, int, off_t, int)>("preadv2");
    int result = 0;
    if (replaced(FileSystemCall::preadv2, result)) {
        return result;
    }
    if (count == 1) {
        const iovec part{into->iov_base, most(FileSystemCall::preadv2, into->iov_len)};
        return real(fd, &part, 1, offset, flags);
    }
    return real(fd, into, count, offset, flags);
}

ssize_t pwrite(int fd, const void* from, std::size_t length, off_t offset) {
    static auto* const real = next<ssize_t(int, const void*, std::size_t, off_t)>("pwrite");
    int result = 0;
    return replaced(FileSystemCall::pwrite, result)
               ? result
               : real(fd, from, most(FileSystemCall::pwrite, length), offset);
}

ssize_t write(int fd, const void* from, std::size_t length) {
    static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
    if (!is_of_a_file(fd)) {
        return real(fd, from, length);
    }
    int result = 0;
    return replaced(FileSystemCall::write, result)
               ? result
               : real(fd, from, most(FileSystemCall::write, length));
}

ssize_t copy_file_range(
    int from, off64_t* from_at, int to, off64_t* to_at, std::size_t length, unsigned flags) {
    static auto* const real =
        next<ssize_t(int, off64_t*, int, off64_t*, std::size_t, unsigned)>("copy_file_range");
    int result = 0;
    return replaced(FileSystemCall::copy_file_range, result)
               ? result
               : real(from,
                      from_at,
                      to,
                      to_at,
                      most(FileSystemCall::copy_file_range, length),
                      flags);
}

ssize_t getrandom(void* into, std::size_t length, unsigned flags) {
    static auto* const real = next<ssize_t(void*, std::size_t, unsigned)>("getrandom");
    int result = 0;
    return replaced(FileSystemCall::getrandom, result) ? result : real(into, length, flags);
}

DIR* fdopendir(int fd) {
    static auto* const real = next<DIR*(int)>("fdopendir");
    int result = 0;
    return replaced(FileSystemCall::fdopendir, result) ? nullptr : real(fd);
}

dirent* readdir(DIR* directory) {
    static auto* const real = next<dirent*(DIR*)>("readdir");
    int result = 0;
    if (replaced(FileSystemCall::readdir, result)) {
        return nullptr;
    }
    dirent* const entry = real(directory);
    const eddy::testing::Asked asked;
    if (entry != nullptr && asked.plan() != nullptr && asked.plan()->hides_kinds()) {
        entry->d_type = DT_UNKNOWN;
    }
    return entry;
}

}  // extern "C"

#endif
