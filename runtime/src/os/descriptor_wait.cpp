// SPDX-License-Identifier: MIT
#include <eddy/detail/descriptor_wait.hpp>

#include <cerrno>
#include <string>
#include <system_error>

#include <eddy/error.hpp>

#include "os/watched_descriptor.hpp"

namespace eddy::inline v0_1::detail {

const char* DescriptorWait::what() const noexcept {
    switch (readiness_) {
        case Readiness::readable:
            return "Descriptor::readable";
        case Readiness::writable:
            return "Descriptor::writable";
        default:
            return "Descriptor::hang_up";
    }
}

bool DescriptorWait::try_now() {
    if (watched_ == nullptr) {
        throw InvalidState(std::string(what()) + ": this Descriptor was moved from");
    }
    error_ = 0;  // of an await before
    return watched_->try_wait(*this);
}

void DescriptorWait::start() { watched_->start_wait(*this); }

void DescriptorWait::unlink() noexcept { watched_->stop_wait(readiness_); }

void DescriptorWait::end(int error) noexcept {
    error_ = error;
    commit();
}

void DescriptorWait::throw_failure() const {
    const std::string before = std::string(what()) + ": ";
    if (error_ == closed) {
        throw ClosedResource(before + "this Descriptor was closed, or its loop has ended");
    }
    const std::string which = "descriptor " + std::to_string(descriptor_);
    const std::error_code code(error_, std::system_category());
    switch (error_) {
        case EBADF:
            throw IoError(code,
                          before + which +
                              " was closed while a job waited for it; end the wait, or close the "
                              "Descriptor, first");
        case EEXIST:
            throw InvalidState(before + "this loop watches " + which +
                               " already: it belongs to another Descriptor, stream or listener");
        case EPERM:
            throw IoError(code, before + which + " is of a kind that is always ready");
        default:
            throw IoError(code, before + which);
    }
}

}  // namespace eddy::inline v0_1::detail
