// SPDX-License-Identifier: MIT
#pragma once

namespace eddy::inline v0_1::detail {

/// First thing in a thread that may outlast the loop that has started it: keeps the library of the
/// caller in memory until the thread has ended, also if a host unloads it before (`dlclose` of a
/// plugin). A library with something to destroy at a thread's end is not unloaded until then.
///
/// State in an inline function, though export.hpp forbids it: each library has to have its own, and
/// only our sources, which are compiled hidden, call this.
inline void pin_library() noexcept {
    struct Pin {
        Pin() noexcept = default;
        Pin(const Pin&) = delete;
        Pin& operator=(const Pin&) = delete;
        ~Pin() { last = true; }
        volatile bool last = false;  // so that there is something to destroy
    };
    static thread_local Pin pin;
    pin.last = false;
}

}  // namespace eddy::inline v0_1::detail
