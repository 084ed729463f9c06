// SPDX-License-Identifier: MIT
#include <eddy/detail/frame_pool.hpp>

namespace eddy::detail {

/// Gives the cache back when the thread ends. Frames that come back after that, from other
/// thread-local destructors, find empty lists and `ended`, and go to the heap.
struct FramePool::ThreadExit {
    bool armed = false;
    bool ended = false;

    ~ThreadExit() {
        ended = true;
        for (FreeList& list : lists_) {
            while (list.head != nullptr) {
                Block* next = list.head->next;
                ::operator delete(list.head);
                list.head = next;
            }
            list.length = 0;
        }
    }
};

void FramePool::release_slow(FreeList& list, void* memory) noexcept {
    static thread_local ThreadExit exit_guard;
    exit_guard.armed = true;
    if (exit_guard.ended || list.length >= max_cached) {
        ::operator delete(memory);
        return;
    }
    list.head = new (memory) Block{list.head};
    ++list.length;
}

}  // namespace eddy::detail
