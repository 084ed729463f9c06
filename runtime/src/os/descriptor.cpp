// SPDX-License-Identifier: MIT
#include <eddy/os/descriptor.hpp>

#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <system_error>

#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/owned_fd.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "os/watched_descriptor.hpp"

namespace eddy::inline v0_1 {

using detail::WatchedDescriptor;

namespace {

constexpr const char* always_ready = "it is always ready, read and write it directly";

[[noreturn]] void refuse(const char* what, int descriptor, const std::string& reason) {
    throw std::invalid_argument(std::string(what) + ": descriptor " + std::to_string(descriptor) +
                                ' ' + reason);
}

[[noreturn]] void fail(const char* what, int error) {
    throw IoError(std::error_code(error, std::system_category()), what);
}

/// What the constructor of a `WatchedDescriptor` would find too late, when the descriptor is its
/// own.
void check_watchable(const char* what, int descriptor) {
    if (detail::require_loop(what).root.closed) {
        throw LoopClosed(std::string(what) + ": the loop is ending");
    }
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags >= 0 && (flags & O_PATH) != 0) {  // poll(2) says that it is not open
        refuse(what, descriptor, "only names a file (O_PATH): there is nothing to read or write");
    }
    struct stat found{};
    if (::fstat(descriptor, &found) != 0) {
        refuse(what, descriptor, "is not open");
    }
    if (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) {
        const std::string kind = S_ISDIR(found.st_mode) ? "directory" : "regular file";
        refuse(what, descriptor, "is a " + kind + ": " + always_ready);
    }
}

[[noreturn]] void cannot_be_watched(const char* what, int descriptor, int error) {
    if (error == EEXIST) {
        throw InvalidState(std::string(what) + ": this loop watches descriptor " +
                           std::to_string(descriptor) +
                           " already: it belongs to another Descriptor, stream or listener");
    }
    if (error == EPERM) {
        refuse(what, descriptor, std::string("cannot be watched: ") + always_ready);
    }
    fail(what, error);
}

}  // namespace

Descriptor Descriptor::adopt(int descriptor) {
    constexpr const char* what = "Descriptor::adopt";
    check_watchable(what, descriptor);
    Descriptor adopted(WatchedDescriptor::adopted(descriptor));
    int error = adopted.watched_->begin();
    int on = 1;
    if (error == 0 &&
        (::ioctl(descriptor, FIONBIO, &on) != 0 || ::ioctl(descriptor, FIOCLEX, nullptr) != 0)) {
        error = errno;
    }
    if (error != 0) {
        adopted.watched_->disown();
        cannot_be_watched(what, descriptor, error);
    }
    return adopted;
}

Descriptor Descriptor::borrow(int descriptor) {
    constexpr const char* what = "Descriptor::borrow";
    check_watchable(what, descriptor);
    detail::OwnedFd set(::epoll_create1(EPOLL_CLOEXEC));
    if (set.get() < 0) {
        fail(what, errno);
    }
    return Descriptor(WatchedDescriptor::borrowed(set, descriptor));
}

Descriptor::~Descriptor() {
    if (watched_ != nullptr) {
        EDDY_REQUIRE(watched_->may_let_go(),
                     "an open Descriptor was destroyed off its loop's thread: close it on the "
                     "loop, or move it into a job there");
        watched_->close();
        watched_->release();
    }
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        const Descriptor replaced(std::exchange(watched_, std::exchange(other.watched_, nullptr)));
    }
    return *this;
}

WatchedDescriptor& Descriptor::watched(const char* what) const {
    if (watched_ == nullptr) {
        throw InvalidState(std::string(what) + ": this Descriptor was moved from");
    }
    watched_->check_thread(what);
    return *watched_;
}

bool Descriptor::is_open() const {
    return watched_ != nullptr && watched("Descriptor::is_open").is_open();
}

DescriptorStatistics Descriptor::statistics() const {
    return watched("Descriptor::statistics").statistics();
}

int Descriptor::native_handle() const {
    const WatchedDescriptor& self = watched("Descriptor::native_handle");
    self.check_open("Descriptor::native_handle");
    return self.descriptor();
}

/// A forked child, too, may close what it has inherited.
void Descriptor::close() {
    WatchedDescriptor& self =
        watched_ != nullptr && watched_->is_inherited() ? *watched_ : watched("Descriptor::close");
    self.close();
}

int Descriptor::release() {
    WatchedDescriptor& self = watched("Descriptor::release");
    self.check_open("Descriptor::release");
    return self.release_descriptor();
}

}  // namespace eddy::inline v0_1
