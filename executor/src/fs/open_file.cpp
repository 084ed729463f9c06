// SPDX-License-Identifier: MIT
#include "fs/open_file.hpp"

#include <cerrno>
#include <exception>
#include <thread>
#include <unistd.h>

#include <eddy/detail/pin_library.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/fs/file_pool.hpp>

#include "fs/posix.hpp"
#include "thread_name.hpp"
#include "work_access.hpp"

namespace eddy::inline v0_1::detail {

void OpenFile::begin_close() noexcept {
    if (!closing) {
        closing = true;
        retain();  // of the user that the owner was
        leave();
    }
}

void OpenFile::leave() noexcept {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        bool posted = false;
        if (thread_state.core != nullptr) {
            retain();
            try {
                WorkAccess::post(executor != nullptr ? *executor : file_pool(), closer_);
                posted = true;
            } catch (...) {  // the loop is ending, or there is no thread
                release();
            }
        }
        if (!posted) {
            close_rejected();
        }
    }
    release();
}

void OpenFile::close_rejected() noexcept {
    if (thread_state.core != nullptr) {
        retain();
        try {
            std::thread([this] {
                pin_library();
                set_thread_name("eddy-close");
                close_now();
                release();
            }).detach();
            return;
        } catch (...) {  // there is none: late is better than never
            release();
        }
    }
    close_now();
}

void OpenFile::close_inherited() noexcept {
    closing = true;
    if (!gone_.exchange(true, std::memory_order_relaxed)) {
        ::close(fd);
    }
}

void OpenFile::close_now() noexcept {
    gone_.store(true, std::memory_order_relaxed);  // before: of a child it may be another's number
    // What a signal interrupts is closed as well, on Linux; a second try could close another's.
    const int error = ::close(fd) != 0 && errno != EINTR ? errno : 0;
    ListLink ready;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        close_error_ = error;
        for (ListLink* link = waiting_.next; link != &waiting_;) {
            ListLink* const next = link->next;
            if (WorkAccess::claim(WorkAccess::from_link(*link))) {
                link->unlink_self();
                link->insert_before(ready);
            }  // else it is being withdrawn, and finds itself here
            link = next;
        }
    }
    while (ready.linked()) {
        Work& work = WorkAccess::from_link(*ready.next);
        WorkAccess::link(work).unlink_self();
        WorkAccess::execute(work);
        WorkAccess::complete(work);
    }
}

void OpenFile::throw_close_error() const {
    int error = 0;
    {
        const std::lock_guard lock(mutex_);
        error = close_error_;
    }
    if (error != 0) {
        throw_file_error(error, "close", path);
    }
}

void OpenFile::submit(Work& work) {
    bool late = false;
    {
        const std::lock_guard lock(mutex_);
        late = closed_;
        if (!late) {
            WorkAccess::link(work).insert_before(waiting_);
        }
    }
    if (late) {  // a moment ago it was not
        static_cast<void>(WorkAccess::claim(work));
        WorkAccess::execute(work);
        WorkAccess::complete(work);
    }
}

void OpenFile::withdraw(Work& work) noexcept {
    {
        const std::lock_guard lock(mutex_);
        WorkAccess::link(work).unlink_self();
    }
    WorkAccess::release(work);
}

}  // namespace eddy::inline v0_1::detail
