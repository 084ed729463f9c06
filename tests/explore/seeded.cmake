# SPDX-License-Identifier: MIT
# Mistakes that must be found: what each of them is stands in README.md.
set(file runtime/src/core/inbox.cpp)
eddy_explore_seeded(1 inbox ${file}
    "top, &node, std::memory_order_release" "top, &node, std::memory_order_acquire"
    "data race: read of T0 at inbox.cpp"
)
eddy_explore_seeded(2 inbox ${file}
    "empty, &node, std::memory_order_acq_rel" "empty, &node, std::memory_order_release"
    "deadlock: T0 waits in a poll"
)
eddy_explore_seeded(3 inbox ${file}
    "top_.exchange(nullptr, std::memory_order_acq_rel)"
    "top_.exchange(nullptr, std::memory_order_acquire)" "deadlock: T0 waits in a poll"
)
eddy_explore_seeded(4 inbox ${file}
    "while (gate_.load(std::memory_order_acquire) != closed_bit)" "while (false)"
    "data race: .*poll.hpp"
)
eddy_explore_seeded(5 inbox ${file}
    "while (gate_.load(std::memory_order_acquire) != closed_bit)"
    "while (gate_.load(std::memory_order_relaxed) != closed_bit)" "data race: .*poll.hpp"
)
eddy_explore_seeded(6 inbox ${file}
    "wake_(target_);" "if (gate_.load() == one_sender) { wake_(target_); }"
    "deadlock: T0 waits in a poll"
)
eddy_explore_seeded(7 inbox ${file}
    "std::atomic_thread_fence(std::memory_order_seq_cst);" "" "deadlock: T0 waits in a poll"
)
set(file executor/src/work_stack.hpp)
eddy_explore_seeded(1 work_stack ${file}
    "top, &link, std::memory_order_release" "top, &link, std::memory_order_acquire" "data race"
)
eddy_explore_seeded(2 work_stack executor/src/work_stack.cpp
    "top_.exchange(&shut_mark_, std::memory_order_acquire)"
    "top_.load(std::memory_order_acquire)); top_.store(&shut_mark_, std::memory_order_relaxed"
    "assertion"
)
eddy_explore_seeded(3 work_stack ${file}
    "return true;" "return top_.load(std::memory_order_relaxed) != nullptr || true;"
    "data race|use after free"
)
set(file runtime/src/base/post_slab.cpp)
eddy_explore_seeded(1 post_slab ${file}
    "left.fetch_sub(count, std::memory_order_acq_rel) == count"
    "left.fetch_sub(count, std::memory_order_acq_rel) == 1" "leak"
)
eddy_explore_seeded(2 post_slab ${file}
    "left.fetch_sub(count, std::memory_order_acq_rel)"
    "left.fetch_sub(count, std::memory_order_release)" "data race"
)
eddy_explore_seeded(3 post_slab ${file}
    "left.fetch_sub(count, std::memory_order_acq_rel) == count"
    "left.load() == count || (left.fetch_sub(count, std::memory_order_acq_rel), false)"
    "leak|use after free"
)
set(file primitives/src/remote_sum.cpp)
eddy_explore_seeded(1 remote_counter ${file}
    "if ((before & (knocked_bit | closed_bit)) == 0)" "if ((before & closed_bit) == 0 && before == old + delta * unit)"
    "deadlock|assertion"
)
eddy_explore_seeded(2 remote_counter ${file}
    "word_.fetch_and(closed_bit, std::memory_order_acq_rel);"
    "word_.load(std::memory_order_acquire); word_.store(old & closed_bit);" "deadlock"
)
eddy_explore_seeded(3 remote_counter ${file}
    "word_.fetch_or(knocked_bit, std::memory_order_acquire)"
    "word_.fetch_or(knocked_bit, std::memory_order_relaxed)" "data race"
)
set(file primitives/src/remote_flag.cpp)
eddy_explore_seeded(1 remote_event ${file}
    "if (before == 0)" "if ((before & closed_bit) == 0)"
    "assertion: one of them wakes the loop|data race"
)
eddy_explore_seeded(2 remote_event ${file}
    "(word_.fetch_or(closed_bit, std::memory_order_acq_rel) & set_bit) != 0"
    "(word_.load() & set_bit) != 0 && word_.fetch_or(closed_bit) != closed_bit"
    "assertion: accepted means set"
)
