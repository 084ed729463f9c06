// SPDX-License-Identifier: MIT
#include "locks.hpp"

#include <unordered_map>

#include "engine.hpp"
#include "trace.hpp"

namespace explore {

namespace {

struct Mutex {
    const Thread* owner = nullptr;
    Clock released;
    std::uint64_t past = 0;
};

std::unordered_map<const void*, Mutex> mutexes;

void note(const char* what, const void* object) {
    Trace::add(
        {engine.current().id, what, reinterpret_cast<std::uintptr_t>(object), 0, 0, -1, false});
}

void take(const void* mutex) {
    Thread& self = engine.current();
    while (mutexes[mutex].owner != nullptr) {
        if (mutexes[mutex].owner == &self) {
            engine.fail("deadlock", "a thread locks a mutex that it has locked");
        }
        engine.wait(mutex, "lock");
    }
    mutexes[mutex].owner = &self;
    self.clock.join(mutexes[mutex].released);
    engine.happened(mutexes[mutex].past);
    note("lock", mutex);
}

}  // namespace

void Locks::clear() { mutexes.clear(); }

void Locks::lock(const void* mutex) {
    engine.point();
    take(mutex);
}

bool Locks::try_lock(const void* mutex) {
    engine.point();
    if (mutexes[mutex].owner != nullptr) {
        engine.happened(mutexes[mutex].past);
        return false;
    }
    take(mutex);
    return true;
}

void Locks::unlock(const void* mutex) {
    Mutex& known = mutexes[mutex];
    if (known.owner != &engine.current()) {
        engine.fail("bad unlock", "of a mutex that is not this thread's");
    }
    known.released.join(engine.current().clock);
    engine.tick();
    known.owner = nullptr;
    engine.happened(2);
    known.past = engine.current().past;
    note("unlock", mutex);
    engine.wake(mutex, true);
}

bool Locks::wait(const void* condition, const void* mutex, bool timed) {
    note("wait", condition);
    unlock(mutex);
    engine.wait(condition, "a wait on a condition variable", timed);
    const bool notified = !engine.current().timed_out;
    note(notified ? "wakes" : "times out", condition);
    take(mutex);
    return notified;
}

void Locks::notify(const void* condition, bool all) {
    engine.point();
    engine.happened(3);
    note(all ? "notify all" : "notify one", condition);
    engine.wake(condition, all);
}

}  // namespace explore
