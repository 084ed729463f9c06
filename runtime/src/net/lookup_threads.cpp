// SPDX-License-Identifier: MIT
#include "net/lookup_threads.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <dlfcn.h>
#include <memory>
#include <pthread.h>
#include <utility>

#include <eddy/detail/pin_library.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

namespace {

const char in_this_library = 0;

/// Enough for a resolver with plug-ins; a thread's usual eight megabytes are much where memory is
/// limited.
constexpr std::size_t lookup_stack = std::size_t{1} << 20U;

/// The process's, or its parent's.
constinit std::atomic<LookupThreads*> current{nullptr};

}  // namespace

LookupThreads* LookupThreads::known() noexcept {
    LookupThreads* const here = current.load(std::memory_order_acquire);  // with the exchange below
    return here != nullptr && !here->inherited() ? here : nullptr;
}

LookupThreads& LookupThreads::instance() {
    LookupThreads* here = current.load(std::memory_order_acquire);  // with the exchange below
    if (here != nullptr && !here->inherited()) [[likely]] {
        return *here;
    }
    auto* const made = new LookupThreads;
    made->parent_ = here;  // so that it is not taken for a leak
    if (current.compare_exchange_strong(here, made, std::memory_order_acq_rel)) {
        return *made;
    }
    delete made;  // another thread was faster
    return *here;
}

// --- those who ask -----------------------------------------------------------------------------

int LookupThreads::ask(LookupRequest& request, const LookupKey& key) {
    HeldLibrary library;  // given back without the lock
    std::unique_lock lock(mutex_);
    LookupFlight* flight = to_join(key);
    if (lacks_thread(flight == nullptr ? 1 : 0)) {
        lock.unlock();
        library = hold_library();
        lock.lock();
        flight = to_join(key);
    }
    const bool joins = flight != nullptr;
    auto made = joins ? nullptr : std::make_shared<LookupFlight>(key);
    const int error = lacks_thread(joins ? 0 : 1) ? start_thread(library) : 0;
    if (error != 0 && threads_ == 0) {
        return error;
    }
    if (joins) {
        ++shared_;
        request.flight_ = flight->self_;
    } else {
        flight = made.get();
        flight->self_ = made;
        request.flight_ = std::move(made);
        table_.insert(*flight);
        flight->insert_before(queue_);
        ++queued_;
    }
    request.insert_before(flight->requests_);
    check_invariants();
    lock.unlock();
    if (!joins) {
        queued_or_late_.notify_one();  // without the lock, which the thread wants first of all
    }
    return 0;
}

/// Null: there is none, or one that hangs, and goes on for those who have joined it.
LookupFlight* LookupThreads::to_join(const LookupKey& key) noexcept {
    LookupFlight* const flight = table_.find(key);
    if (flight != nullptr && flight->state_ == LookupFlight::State::running &&
        std::chrono::steady_clock::now() - flight->since_ >= fresh_time) {
        table_.erase(*flight);
        return nullptr;
    }
    return flight;
}

bool LookupThreads::leave(LookupRequest& request) noexcept {
    LookupFlight& flight = *request.flight_;  // which the request keeps
    std::unique_lock lock(mutex_);
    if (flight.state_ == LookupFlight::State::landed) {
        return false;
    }
    request.unlink_self();
    if (flight.state_ == LookupFlight::State::queued && !flight.requests_.linked()) {
        table_.erase(flight);
        flight.unlink_self();
        --queued_;
        flight.self_.reset();
    }
    check_invariants();
    const bool lacks = lacks_thread();
    lock.unlock();
    if (lacks) {
        catch_up();
    }
    return true;
}

LookupStatistics LookupThreads::statistics() noexcept {
    LookupThreads* const here = known();
    if (here == nullptr) {
        return {};
    }
    here->catch_up();
    return here->look();
}

LookupStatistics LookupThreads::look() noexcept {
    const std::lock_guard lock(mutex_);
    LookupStatistics now;
    now.threads = threads_;
    now.queued = std::min(queued_, most_queued);
    now.waiting = queued_ - now.queued;
    now.started = started_;
    now.failed = failed_;
    now.shared = shared_;
    for (const ListLink* link = running_.next; link != &running_; link = link->next) {
        const auto& flight = static_cast<const LookupFlight&>(*link);
        if (now.running++ == 0) {
            now.oldest = std::chrono::steady_clock::now() - flight.since_;
        }
        now.abandoned += flight.requests_.linked() ? 0U : 1U;
    }
    return now;
}

void LookupThreads::check_invariants() const noexcept {
    EDDY_ASSERT(queue_.linked() == (queued_ != 0));
    EDDY_ASSERT(queued_ == 0 || threads_ != 0);
    EDDY_ASSERT(busy_ <= threads_ && threads_ <= most_threads);
}

// --- threads -----------------------------------------------------------------------------------

/// For what is queued, and so many more.
bool LookupThreads::lacks_thread(std::size_t more) const noexcept {
    return queued_ + more > threads_ - busy_ && threads_ != most_threads;
}

/// A thread that could not be started when it was needed, if that is so; it starts the next one.
///
/// Without the lock.
void LookupThreads::catch_up() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (!lacks_thread()) {
            return;
        }
    }
    HeldLibrary library = hold_library();
    const std::lock_guard lock(mutex_);
    if (lacks_thread()) {
        static_cast<void>(start_thread(library));
    }
}

/// Signals are for the threads of the program. Takes the library if there is a thread now.
int LookupThreads::start_thread(HeldLibrary& library) noexcept {
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
    void* const held = library.release();  // the thread's
    error = pthread_create(&thread, &attributes, &LookupThreads::thread_main, held);
    if (error == 0) {
        ++threads_;
    } else {
        library.reset(held);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

void* LookupThreads::thread_main(void* library) noexcept {
    pin_library();
    HeldLibrary(library).reset();
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "eddy-lookup");
#endif
    current.load(std::memory_order_acquire)->serve();  // with the exchange in instance()
    return nullptr;
}

/// For a thread that is about to be started: it pins the library as its first step, and a plugin
/// may be unloaded before it has come to that. Without the lock, since the loader has one.
LookupThreads::HeldLibrary LookupThreads::hold_library() noexcept {
    Dl_info info;
    return HeldLibrary(dladdr(&in_this_library, &info) != 0
                           ? dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                           : nullptr);
}

void LookupThreads::GiveBack::operator()(void* library) const noexcept { dlclose(library); }

void LookupThreads::serve() noexcept {
    std::unique_lock lock(mutex_);
    while (LookupFlight* const flight = take(lock)) {
        const bool lacks = lacks_thread();
        lock.unlock();
        if (lacks) {
            catch_up();
        }
        flight->look_up();
        lock.lock();
        land(*flight);
        lock.unlock();
        flight->tell_all();
        lock.lock();
    }
    --threads_;
}

/// The next flight, which runs from now on. Null: there was none for a while.
LookupFlight* LookupThreads::take(std::unique_lock<std::mutex>& lock) noexcept {
    if (!queue_.linked()) {
        queued_or_late_.wait_for(lock, idle_time, [this] { return queue_.linked(); });
    }
    if (!queue_.linked()) {
        return nullptr;
    }
    auto& flight = static_cast<LookupFlight&>(*queue_.next);
    flight.unlink_self();
    flight.insert_before(running_);
    flight.state_ = LookupFlight::State::running;
    flight.since_ = std::chrono::steady_clock::now();
    --queued_;
    ++busy_;
    ++started_;
    check_invariants();
    return &flight;
}

/// From now on nobody joins it, and nobody leaves it.
void LookupThreads::land(LookupFlight& flight) noexcept {
    table_.erase(flight);
    flight.unlink_self();
    flight.state_ = LookupFlight::State::landed;
    --busy_;
    failed_ += flight.status() != 0 ? 1U : 0U;
}

}  // namespace eddy::inline v0_1::detail
