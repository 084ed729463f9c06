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
