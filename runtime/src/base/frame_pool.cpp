// SPDX-License-Identifier: MIT
#include <eddy/detail/frame_pool.hpp>

namespace eddy::inline v0_1::detail {

constinit thread_local FramePool::FreeList FramePool::lists_[class_count] = {};

/// Makes room when the thread first releases something, and gives the cache back when it ends.
/// Frames that come back after that, from other thread-local destructors, find no room.
struct FramePool::ThreadExit {
    bool armed = false;

    ~ThreadExit() {
        for (FreeList& list : lists_) {
            while (list.head != nullptr) {
                Block* next = list.head->next;
                ::operator delete(list.head);
                list.head = next;
            }
            list.room = 0;
        }
    }
};

void FramePool::release_slow(FreeList& list, void* memory) noexcept {
    static thread_local ThreadExit exit_guard;
    if (exit_guard.armed) {  // full, or the thread is ending
        ::operator delete(memory);
        return;
    }
    exit_guard.armed = true;
    for (FreeList& each : lists_) {
        each.room = max_cached;
    }
    list.head = new (memory) Block{list.head};
    --list.room;
}

}  // namespace eddy::inline v0_1::detail
