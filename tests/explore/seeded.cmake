# SPDX-License-Identifier: MIT
# Mistakes that must be found: what each of them is stands in README.md.
set(file runtime/src/core/inbox.cpp)
eddy_explore_seeded(1 inbox ${file}
    "top, &node, std::memory_order_release" "top, &node, std::memory_order_acquire"
    "data race: read of T0 at inbox.cpp"
)
eddy_explore_seeded(2 inbox ${file}
    "std::atomic_thread_fence(std::memory_order_seq_cst);" "" "deadlock: T0 waits in a poll"
)
eddy_explore_seeded(3 inbox runtime/include/eddy/detail/inbox.hpp
    "top_.load(std::memory_order_seq_cst)" "top_.load(std::memory_order_acquire)"
    "deadlock: T0 waits in a poll" ${file}
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
    "if ((before & (knocked_bit | closed_bit)) == 0)"
    "if ((before & closed_bit) == 0 && before == old + delta * unit)"
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
set(file executor/src/executor.cpp)
eddy_explore_seeded(1 work ${file}
    "if (stop_requested_.load()) {" "if (false) {" "livelock"
)
eddy_explore_seeded(2 work ${file}
    "stop_requested_.store(true);" "stop_requested_.store(true, std::memory_order_release);"
    "livelock"
)
eddy_explore_seeded(3 work ${file}
    "holders_.fetch_sub(1, std::memory_order_acq_rel) == 1"
    "holders_.fetch_sub(1, std::memory_order_acq_rel) != 0"
    "double free|use after free|data race|crash"
)
eddy_explore_seeded(4 work ${file}
    "holders_.fetch_sub(1, std::memory_order_acq_rel)"
    "holders_.fetch_sub(1, std::memory_order_relaxed)" "data race"
)
eddy_explore_seeded(5 work executor/include/eddy/executor.hpp
    "return state_.compare_exchange_strong(
            from, to, std::memory_order_acq_rel, std::memory_order_acquire);"
    "const bool is = state_.load(std::memory_order_acquire) == from;
        if (is) { state_.store(to, std::memory_order_release); }
        return is;" "assertion|crash|use after free|data race|double free"
    executor/src/executor.cpp executor/src/offload.cpp
)
set(file executor/src/thread_pool_impl.cpp)
eddy_explore_seeded(1 thread_pool ${file}
    "if (queue_.queued() != 0) {  // a submitter was faster than that" "if (false) {"
    "deadlock|assertion"
)
eddy_explore_seeded(2 thread_pool ${file}
    "take_in(stack_.shut());" "static_cast<void>(stack_.shut());" "deadlock|leak|assertion"
)
eddy_explore_seeded(3 thread_pool ${file}
    "stop_running(lock);" "" "livelock"
)
eddy_explore_seeded(4 thread_pool ${file}
    "if (closed_) {
            changed_.notify_all();
        }" "" "deadlock"
)
eddy_explore_seeded(5 thread_pool ${file}
    "self.called.wait_for(lock, idle_timeout_, [&self] { return self.awake; })"
    "self.called.wait_for(lock, idle_timeout_) == std::cv_status::no_timeout"
    "assertion|deadlock|crash|use after free"
)
set(file runtime/src/bridge/callback_wait.cpp)
eddy_explore_seeded(1 callback ${file}
    "== 1 && claim()" "== 1" "data race|use after free|assertion|crash|livelock"
)
eddy_explore_seeded(2 callback runtime/include/eddy/detail/callback_wait.hpp
    "return !claimed_.exchange(true, std::memory_order_acq_rel);"
    "const bool was = claimed_.load(std::memory_order_acquire);
        claimed_.store(true, std::memory_order_release);
        return !was;" "data race"
    runtime/src/bridge/callback_wait.cpp
)
eddy_explore_seeded(3 callback ${file}
    "state_->wait_ = nullptr;" "" "use after free|assertion|crash"
)
set(file runtime/src/net/lookup_threads.cpp)
eddy_explore_seeded(1 lookup ${file}
    "if (flight.state_ == LookupFlight::State::landed) {" "if (false) {"
    "double free|use after free|data race|crash|assertion|deadlock"
)
eddy_explore_seeded(2 lookup ${file}
    "        flight->look_up();
        lock.lock();
        land(*flight);
        lock.unlock();" "        flight->look_up();
        land(*flight);" "data race"
)
eddy_explore_seeded(3 lookup ${file}
    "void LookupThreads::land(LookupFlight& flight) noexcept {
    table_.erase(flight);" "void LookupThreads::land(LookupFlight& flight) noexcept {"
    "use after free|deadlock|data race|crash|leak"
)
eddy_explore_seeded(4 lookup ${file}
    "--queued_;
        flight.self_.reset();" "--queued_;" "leak"
)
eddy_explore_seeded(5 lookup runtime/src/net/lookup_flight.cpp
    "const std::shared_ptr<LookupFlight> kept = std::move(self_);" "" "leak"
)
eddy_explore_seeded(6 lookup runtime/src/net/lookup.cpp
    "if (!threads_.inherited() && threads_.leave(*this)) {
            delete this;
        }" "static_cast<void>(threads_.leave(*this));
        delete this;" "double free|use after free|data race|crash"
)
set(file executor/src/remote_state.cpp)
eddy_explore_seeded(1 remote_channel ${file}
    "serve(state, lock);  // it may have come" "//" "deadlock"
)
eddy_explore_seeded(2 remote_channel ${file}
    "knocked_ = false;
        serve" "serve" "deadlock"
)
eddy_explore_seeded(3 remote_channel ${file} "side.threads.notify_one();" "" "deadlock")
