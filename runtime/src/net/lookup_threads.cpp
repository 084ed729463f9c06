// SPDX-License-Identifier: MIT
#include "net/lookup_threads.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <dlfcn.h>
#include <pthread.h>

#include <eddy/detail/pin_library.hpp>

namespace eddy::inline v0_1::detail {

namespace {

const char in_this_library = 0;

void give_back(void* library) noexcept {
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
    hold_library();
    error = pthread_create(&thread, &attributes, &LookupThreads::thread_main, this);
    if (error != 0) {
        give_back(library_to_give_back());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

void* LookupThreads::thread_main(void* self) noexcept {
    pin_library();
    auto& threads = *static_cast<LookupThreads*>(self);
    std::unique_lock lock(threads.mutex_);
    void* const library = threads.library_to_give_back();
    lock.unlock();  // the loader has a lock of its own
    give_back(library);
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "eddy-lookup");
#endif
    threads.serve();
    return nullptr;
}

/// For a thread that is about to be started: it pins the library as its first step, and a plugin
/// may be unloaded before it has come to that.
void LookupThreads::hold_library() noexcept {
    Dl_info info;
    void* const library = dladdr(&in_this_library, &info) != 0
                              ? dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                              : nullptr;
    if (library != nullptr) {
        library_ = library;  // always the same
        ++held_;
    }
}

/// Null: nothing.
void* LookupThreads::library_to_give_back() noexcept {
    if (held_ == 0) {
        return nullptr;
    }
    --held_;
    return library_;
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
