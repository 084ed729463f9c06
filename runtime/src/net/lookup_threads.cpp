// SPDX-License-Identifier: MIT
#include "net/lookup_threads.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <dlfcn.h>
#include <new>
#include <pthread.h>

#include <eddy/detail/pin_library.hpp>

namespace eddy::inline v0_1::detail {

namespace {

/// What a thread begins with. It holds the library that this code is in until the thread does so
/// itself: a plugin may be unloaded before a new thread has run at all.
struct Start {
    LookupThreads* threads;
    void* library;  // null in a program, which nobody unloads
};

const char in_this_library = 0;

[[nodiscard]] void* hold_library() noexcept {
    Dl_info info;
    return dladdr(&in_this_library, &info) != 0 ? dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                                                : nullptr;
}

void let_go_of_library(void* library) noexcept {
    if (library != nullptr) {
        dlclose(library);
    }
}

/// Enough for a resolver with plug-ins; a thread's usual eight megabytes are much where memory is
/// limited.
constexpr std::size_t lookup_stack = std::size_t{1} << 20U;

}  // namespace

LookupThreads& LookupThreads::instance() {
    static constinit std::atomic<LookupThreads*> current{nullptr};
    LookupThreads* known = current.load(std::memory_order_acquire);  // with the exchange below
    if (known != nullptr && !known->inherited()) [[likely]] {
        return *known;
    }
    auto* const made = new LookupThreads;
    made->parent_ = known;  // so that it is not taken for a leak
    if (current.compare_exchange_strong(known, made, std::memory_order_acq_rel)) {
        return *made;
    }
    delete made;  // another thread was faster
    return *known;
}

int LookupThreads::submit(LookupWork& work) noexcept {
    const std::lock_guard lock(mutex_);
    if (queued_ == most_queued) {
        return ENOBUFS;
    }
    if (idle_ <= queued_ && threads_ < most_threads) {
        const int error = start_thread();
        if (error != 0 && threads_ == 0) {
            return error;
        }
        threads_ += error == 0 ? 1U : 0U;
    }
    work.insert_before(queue_);
    ++queued_;
    queued_or_late_.notify_one();
    return 0;
}

bool LookupThreads::withdraw(LookupWork& work) noexcept {
    const std::lock_guard lock(mutex_);
    if (!work.linked()) {
        return false;
    }
    work.unlink_self();
    --queued_;
    return true;
}

/// Signals are for the threads of the program.
int LookupThreads::start_thread() noexcept {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, lookup_stack);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    auto* const start = new (std::nothrow) Start{this, hold_library()};
    if (start == nullptr) {
        error = ENOMEM;
    } else {
        error = pthread_create(&thread, &attributes, &LookupThreads::thread_main, start);
        if (error != 0) {
            let_go_of_library(start->library);
            delete start;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

void* LookupThreads::thread_main(void* given) noexcept {
    pin_library();
    const Start start = *static_cast<Start*>(given);
    delete static_cast<Start*>(given);
    let_go_of_library(start.library);
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "eddy-lookup");
#endif
    start.threads->serve();
    return nullptr;
}

void LookupThreads::serve() noexcept {
    std::unique_lock lock(mutex_);
    while (true) {
        if (!queue_.linked()) {
            ++idle_;
            queued_or_late_.wait_for(lock, idle_time, [this] { return queue_.linked(); });
            --idle_;
        }
        if (!queue_.linked()) {
            --threads_;
            return;
        }
        auto& work = static_cast<LookupWork&>(*queue_.next);
        work.unlink_self();
        --queued_;
        lock.unlock();
        work.run();
        lock.lock();
    }
}

}  // namespace eddy::inline v0_1::detail
