// SPDX-License-Identifier: MIT
#include "os/watched_descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/epoll.h>
#include <system_error>
#include <utility>

#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

namespace {

// In the words of poll(2), which are epoll's too. What ends every wait is not asked for.
constexpr std::uint32_t ends_all = POLLERR | POLLHUP;
constexpr std::array<std::uint32_t, 3> asked_for{POLLIN, POLLOUT, POLLRDHUP};
static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLRDHUP == EPOLLRDHUP &&
              POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

// And in libuv's, in the same order.
constexpr std::array<unsigned, 3> libuvs{
    PollHandle::readable, PollHandle::writable, PollHandle::disconnected};

unsigned to_libuv(std::uint32_t wanted) noexcept {
    unsigned events = 0;
    for (std::size_t i = 0; i < libuvs.size(); ++i) {
        events |= (wanted & asked_for[i]) != 0 ? libuvs[i] : 0U;
    }
    return events;
}

std::uint32_t from_libuv(unsigned events) noexcept {
    std::uint32_t ready = 0;
    for (std::size_t i = 0; i < libuvs.size(); ++i) {
        ready |= (events & libuvs[i]) != 0 ? asked_for[i] : 0U;
    }
    return ready;
}

}  // namespace

WatchedDescriptor::WatchedDescriptor(int watched, int descriptor, bool is_borrowed)
    : PollHandle(watched), descriptor_(descriptor), borrowed_(is_borrowed) {
    bound_.check("Descriptor");
}

DescriptorStatistics WatchedDescriptor::statistics() const noexcept {
    return {.reading = waiters_[0] != nullptr,
            .writing = waiters_[1] != nullptr,
            .awaiting_hang_up = waiters_[2] != nullptr};
}

void WatchedDescriptor::check_open(const char* what) const {
    if (!is_open() || !on_loop_thread()) {
        check_thread(what);
        throw ClosedResource(std::string(what) +
                             ": this Descriptor was closed, or its loop has ended");
    }
}

// --- the waits ---------------------------------------------------------------------------------

void WatchedDescriptor::require_free(const DescriptorWait& wait) {
    if (waiter(wait.readiness_) != nullptr) {
        throw BusyResource(std::string(wait.what()) + ": another job waits for descriptor " +
                           std::to_string(descriptor_) + " in the same way");
    }
}

bool WatchedDescriptor::try_wait(const DescriptorWait& wait) {
    check_open(wait.what());
    require_free(wait);
    const std::uint32_t wanted = asked_for[static_cast<std::size_t>(wait.readiness_)];
    const std::uint32_t ready = ready_now(wanted);
    if ((ready & POLLNVAL) != 0) {
        throw IoError(std::error_code(EBADF, std::system_category()),
                      std::string(wait.what()) + ": descriptor " + std::to_string(descriptor_) +
                          " is not open any more");
    }
    if (ready != 0) {
        return true;
    }
    if (const int error = is_watched() ? 0 : watch(); error != 0) {
        throw IoError(std::error_code(error, std::system_category()), wait.what());
    }
    return false;
}

void WatchedDescriptor::start_wait(DescriptorWait& wait) {
    require_free(wait);
    wait.descriptor_ = descriptor_;
    waiter(wait.readiness_) = &wait;
    schedule();
}

void WatchedDescriptor::stop_wait(Readiness readiness) noexcept {
    waiter(readiness) = nullptr;
    if (awaited() == 0) {
        stop_watching();
    }
}

/// The owner of a borrowed one may close it from this moment on, and what is scheduled now must not
/// meet the number's next bearer.
void WatchedDescriptor::stop_watching() noexcept {
    unschedule();
    leave_set();
}

std::uint32_t WatchedDescriptor::awaited() const noexcept {
    std::uint32_t wanted = 0;
    for (std::size_t i = 0; i < waiters_.size(); ++i) {
        wanted |= waiters_[i] != nullptr ? asked_for[i] : 0U;
    }
    return wanted;
}

/// A call that fails does not know; the loop will.
std::uint32_t WatchedDescriptor::ready_now(std::uint32_t wanted) const noexcept {
    pollfd state{.fd = descriptor_, .events = static_cast<short>(wanted), .revents = 0};
    return ::poll(&state, 1, 0) == 1 ? static_cast<std::uint32_t>(state.revents) : 0;
}

void WatchedDescriptor::schedule() noexcept {
    if (!std::exchange(scheduled_, true)) {
        core().queue_at_turn_end(*this);
    }
}

void WatchedDescriptor::unschedule() noexcept {
    if (std::exchange(scheduled_, false)) {
        core().drop_callback(*this);
    }
}

// --- the kernel --------------------------------------------------------------------------------

void WatchedDescriptor::register_waits() noexcept {
    scheduled_ = false;
    const std::uint32_t wanted = awaited();
    if (wanted == 0) {
        return;
    }
    const int error = borrowed_ ? enter_set(wanted) : arm_adopted(wanted);
    if (error != 0) {
        leave_set();
        end_waits(error);
    }
}

/// libuv would end the process.
int WatchedDescriptor::arm_adopted(std::uint32_t wanted) noexcept {
    if (is_armed(to_libuv(wanted))) {
        return 0;
    }
    return ::fcntl(descriptor_, F_GETFD) < 0 ? errno : try_arm(to_libuv(wanted));
}

int WatchedDescriptor::enter_set(std::uint32_t wanted) noexcept {
    arm(readable);  // the set itself
    epoll_event event{.events = wanted | EPOLLONESHOT, .data = {.fd = -1}};
    if (!in_set_) {
        if (::epoll_ctl(fd(), EPOLL_CTL_ADD, descriptor_, &event) == 0) {
            in_set_ = true;
            return 0;
        }
        if (errno != EEXIST) {
            return errno;
        }
        in_set_ = true;  // closed while a job waited, kept by a duplicate, and back again
    }
    if (::epoll_ctl(fd(), EPOLL_CTL_MOD, descriptor_, &event) == 0) {
        return 0;
    }
    return errno == ENOENT ? EBADF : errno;  // the number is another one's by now
}

void WatchedDescriptor::leave_set() noexcept {
    if (std::exchange(in_set_, false) && !is_inherited()) {
        epoll_event ignored{};
        // Fails when its owner has closed it: then it is not there any more.
        static_cast<void>(::epoll_ctl(fd(), EPOLL_CTL_DEL, descriptor_, &ignored));
    }
}

std::uint32_t WatchedDescriptor::reported_by_set() const noexcept {
    std::array<epoll_event, 4> found{};
    const int count = ::epoll_wait(fd(), found.data(), static_cast<int>(found.size()), 0);
    std::uint32_t ready = 0;
    for (int i = 0; i < count; ++i) {
        ready |= found[static_cast<std::size_t>(i)].events;
    }
    return ready;
}

// --- events ------------------------------------------------------------------------------------

void WatchedDescriptor::on_ready(unsigned events) noexcept {
    if (!borrowed_) {
        serve_adopted(events);
        return;
    }
    serve(reported_by_set());
    if (awaited() == 0) {
        stop_watching();
    } else {
        schedule();  // it was reported once
    }
}

/// Of a pipe with something in it whose writer has gone libuv tells the reader alone, if reading is
/// armed. The next poll finds nobody reading and disarms that, and the one after it tells the rest.
void WatchedDescriptor::serve_adopted(unsigned events) noexcept {
    const unsigned unwanted = events & ~to_libuv(awaited());
    serve(from_libuv(events));
    disarm(unwanted);
}

void WatchedDescriptor::serve(std::uint32_t ready) noexcept {
    for (std::size_t i = 0; i < waiters_.size(); ++i) {
        if (waiters_[i] != nullptr && (ready & (asked_for[i] | ends_all)) != 0) {
            std::exchange(waiters_[i], nullptr)->end(0);  // this may unlink the others
        }
    }
}

// --- the end -----------------------------------------------------------------------------------

void WatchedDescriptor::close() noexcept {
    if (!is_open()) {
        return;
    }
    const bool inherited = is_inherited();
    unschedule();
    close_handle();  // of a borrowed one this is the set
    if (inherited) {
        waiters_.fill(nullptr);  // jobs of another process: nothing becomes of them here
    } else {
        end_waits(DescriptorWait::closed);
    }
}

int WatchedDescriptor::release_descriptor() noexcept {
    unschedule();
    if (borrowed_) {
        close_handle();
    } else {
        static_cast<void>(give_up());
    }
    end_waits(DescriptorWait::closed);
    return descriptor_;
}

void WatchedDescriptor::end_waits(int error) noexcept {
    for (DescriptorWait*& each : waiters_) {
        if (DescriptorWait* const wait = std::exchange(each, nullptr)) {
            wait->end(error);
        }
    }
}

}  // namespace eddy::inline v0_1::detail
