// SPDX-License-Identifier: MIT
#include <eddy/detail/loop_core.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

#include <eddy/cancel_handle.hpp>
#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/failure_from.hpp>
#include <eddy/detail/legible.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>

#include "core/abandoned_jobs.hpp"

namespace eddy::inline v0_1::detail {

LoopCore::LoopCore(Loop& owner, Clock& loop_clock, std::shared_ptr<Inbox> door)
    : clock(&loop_clock), turn_time(loop_clock.now()), inbox(std::move(door)), loop(&owner) {}

void LoopCore::checkpoint_slow(Job& job) {
    if (checkpoint_hook != nullptr) {
        checkpoint_hook->at_checkpoint(job);
    }
    if (job.scope->effective) {
        throw job.scope->make_cancelled();
    }
}

// --- one turn ----------------------------------------------------------------------------------

void LoopCore::begin_turn() {
    turn_time = clock->now();
    turn.begin(turn_time);
    log_turn();
}

void LoopCore::run_turn() {
    begin_turn();
    drain_inbox();
    fire_deadlines();
    if (housekeeping.next() <= turn_time) [[unlikely]] {
        housekeeping.fire_due(turn_time, Turn::deadlines);
    }
    run_callbacks_and_jobs();
}

void LoopCore::run_jobs() {
    begin_turn();
    run_callbacks_and_jobs();
}

void LoopCore::run_callbacks_and_jobs() {
    if (callbacks_.linked() || callback_batch_.linked()) [[unlikely]] {
        run_callbacks();
    }
    if (!ready.empty()) {
        run_ready();
    }
    if (turn_end_.linked() && !inherited()) [[unlikely]] {  // it is the parent that sends
        run_turn_end();
    }
}

void LoopCore::deliver_inbox() {
    turn.limit(callbacks_.linked() || callback_batch_.linked() ? Turn::quarter : Turn::half);
    while (true) {
        // The wake-up of what is in the inbox may be spent: a turn does not end before it has it in
        // hand, or has seen that there is nothing.
        if (undelivered_ == nullptr) {
            undelivered_ = inbox->take_all();
        }
        if (undelivered_ == nullptr || !turn.next()) {
            return;
        }
        InboxNode& node = *undelivered_;
        undelivered_ = Inbox::next_of(node);
        try {
            node.deliver();
        } catch (...) {
            report_failure(nullptr, std::current_exception(), "posted function");
        }
    }
}

void LoopCore::fire_deadlines() {
    if (deadlines.empty()) {
        return;
    }
    turn_time = clock->now();
    std::size_t fired = deadlines.fire_due(turn_time, Turn::deadlines);
    if (fired == 0) {
        return;
    }
    last_fired_ = turn_time;
    // A job whose deadline comes later must not wait until thousands of calls before it have been
    // made; but for jobs it would wait all the same, and those are still in the cache.
    const TimePoint end = turn.end_of_deadlines(turn_time);
    while (fired == Turn::deadlines && ready.size() < Turn::whole && clock->now() < end) {
        fired = deadlines.fire_due(turn_time, Turn::deadlines);
    }
}

void LoopCore::run_callbacks() noexcept {
    if (!callback_batch_.linked()) {
        callback_batch_.take(callbacks_);
    }
    turn.limit(Turn::half);
    while (callback_batch_.linked() && turn.next()) {
        call(static_cast<LoopCallback&>(*callback_batch_.next));
    }
}

/// One job may have said something to thousands: they get a quarter of a turn besides, and the rest
/// goes first at the end of the next.
void LoopCore::run_turn_end() noexcept {
    ListLink batch;
    batch.take(turn_end_);
    turn.limit(Turn::whole + Turn::quarter);
    while (batch.linked() && turn.next()) {
        call(static_cast<LoopCallback&>(*batch.next));
    }
    if (batch.linked()) {  // before those that have come meanwhile
        ListLink later;
        later.take(turn_end_);
        turn_end_.take(batch);
        while (later.linked()) {
            ListLink& link = *later.next;
            link.unlink_self();
            link.insert_before(turn_end_);
        }
    }
}

void LoopCore::call(LoopCallback& callback) noexcept {
    callback.unlink_self();
    try {
        callback.call();
    } catch (...) {
        report_failure(nullptr, std::current_exception(), "callback");
    }
}

void LoopCore::run_ready() {
    turn.limit(Turn::whole);
    const std::uint64_t taken = ready.willing_taken();
    const std::uint64_t enough = taken + Turn::willing_share;
    bool willing_first = willing_owed_;  // until the look after the first
    while (true) {
        if (!turn.must_look()) [[likely]] {
            turn.count();
        } else if (ready.empty() || !turn.look()) {
            break;
        } else {
            willing_first = turn.willing_first();
        }
        if (willing_first && ready.willing_taken() >= enough) {
            willing_first = false;
        }
        Job* const job = ready.pop(willing_first);
        if (job == nullptr) {
            turn.uncount();
            break;
        }
        step(*job);
    }
    willing_owed_ = ready.has_willing() && ready.willing_taken() == taken;
}

bool LoopCore::on_idle(TimePoint other) noexcept {
    const TimePoint next = std::min(next_deadline(), other);
    if (next != never && next <= clock->now()) {
        return true;
    }
    if (in_flight != 0 || undelivered_ != nullptr || !inbox->empty()) {
        return false;
    }
    if (settled.wake_all() != 0) {
        return true;
    }
    if (deadlines.empty() && other == never) {
        return false;
    }
    const TimePoint before = clock->now();
    if (!clock->idle(next)) {  // housekeeping on the way is done at its time
        return false;
    }
    turn.skip(clock->now() - before);
    return true;
}

// --- jobs --------------------------------------------------------------------------------------

void LoopCore::admit(Job& job, Nursery& nursery) {
    job.id = ++next_id;
    job.nursery = &nursery;
    if (const Job* parent = thread_state.job) {
        job.parent_id = parent->id;
        if (parent->extras && parent->extras->locals) {
            job.ensure_extras().locals = parent->extras->locals;
        }
    }
    job.retain();  // for the run; finish() gives it back
    ++nursery.live;
    ++jobs_alive;
    job.own_scope().enter(nursery.scope);
    if ((hooks & Observer::spawned) != 0) [[unlikely]] {
        observe(Observer::spawned, [&](Observer& o) { o.job_spawned(job.info()); });
    }
    make_willing(job);
}

void LoopCore::observe_step(Job& job, bool over) noexcept {
    observe(Observer::steps, [&](Observer& o) {
        const JobInfo info = job.info();
        over ? o.after_step(info) : o.before_step(info);
    });
}

void LoopCore::force_yield(Job& job) noexcept {
    ++forced_yields;
    turn.look_soon();
    make_willing(job);
}

[[gnu::always_inline]] inline void LoopCore::step(Job& job) noexcept {
    ThreadState& thread = thread_state;
    thread.job = &job;
    thread.hops = max_hops;
    job.budget = budget;
    const bool observed = (hooks & Observer::steps) != 0;
    if (observed) [[unlikely]] {
        observe_step(job, false);
    }
    handle_of(*std::exchange(job.leaf, nullptr)).resume();  // of no meaning while it runs
    while (thread.bounce != nullptr) {
        PromiseBase& next = *std::exchange(thread.bounce, nullptr);
        handle_of(next).resume();
    }
    if (observed) [[unlikely]] {
        observe_step(job, true);
    }
    if (job.body_done) [[unlikely]] {
        finish(job);
    }
    thread.job = nullptr;
}

void LoopCore::end_scope(Job& job) noexcept {
    --jobs_alive;
    job.own_scope().leave();
    if (job.extras && job.extras->token) {
        job.extras->token->scope = nullptr;
    }
}

void LoopCore::finish(Job& job) noexcept {
    job.collect();  // runs destructors of parameters and callable, still as this job
    if (!job.error) {
        job.state = JobState::finished;
    } else if (!is_cancelled(job.error)) {
        job.state = JobState::failed;
    } else if (job.own_scope().inside_cancelled()) {
        job.state = JobState::cancelled;
        job.own_scope().caught = job.own_scope().absorbs();
        job.error = nullptr;
    } else {
        job.state = JobState::failed;
        job.error = failure_from([&job] {
            return InvalidState("Cancelled reached the root of " + job.label() +
                                ", although none of its scopes is cancelled: do not store and "
                                "rethrow it elsewhere");
        });
    }
    end_scope(job);
    job.ended = true;
    if (severing && abandoned != nullptr) [[unlikely]] {
        abandoned->ended(job);
    }
    job.joiners.wake_all();
    Nursery& nursery = *std::exchange(job.nursery, nullptr);
    nursery.child_gone(job);
    if ((hooks & Observer::exited) != 0) [[unlikely]] {
        observe(Observer::exited, [&](Observer& o) { o.job_exited(job.info()); });
    }
    thread_state.job = nullptr;
    job.release();
}

// --- the end -----------------------------------------------------------------------------------

std::vector<Job*> LoopCore::living_jobs() {
    std::vector<Job*> jobs;
    jobs.reserve(jobs_alive);
    for_each_job([&jobs](Job& job) { jobs.push_back(&job); });
    return jobs;
}

void LoopCore::sever_waits() noexcept {
    severing = true;
    for_each_job([this](Job& job) {
        if (job.wait != nullptr && WaiterAccess::sever(*job.wait)) {
            WaiterAccess::state(*job.wait) = WaiterAccess::State::aborted;
            job.wait = nullptr;
            job.severed = true;
            ++severed;
            make_ready(job);
        }
    });
}

void LoopCore::destroy_frames(Job& job) noexcept {
    // From the leaf, so that the depth of a chain costs no stack. Each parent is told that its
    // child is gone.
    PromiseBase* promise = std::exchange(job.leaf, nullptr);
    while (promise != nullptr) {
        TaskAwaiterBase* awaiter = promise->awaiter;
        handle_of(*promise).destroy();
        if (awaiter == nullptr) {
            break;
        }
        awaiter->child = nullptr;
        promise = awaiter->parent;
    }
    job.forget_root();
}

namespace {

/// Null if there is none.
Job* first_job_below(ScopeNode& top) noexcept {
    ScopeNode* node = &top;
    do {
        if (node->first_child != nullptr) {
            node = node->first_child;
            continue;
        }
        while (node != &top && node->next == nullptr) {
            node = node->parent;
        }
        if (node == &top) {
            return nullptr;
        }
        node = node->next;
    } while (!node->job_root);
    return node->occupant();
}

}  // namespace

Job* LoopCore::innermost_job() noexcept {
    Job* found = first_job_below(root.scope);
    for (Job* inner = found; inner != nullptr; inner = first_job_below(found->own_scope())) {
        found = inner;
    }
    return found;
}

void LoopCore::destroy_jobs() noexcept {
    root.closed = true;
    ready.clear();
    try {
        std::vector<Job*> doomed = living_jobs();  // parents before children, so: from the back
        for (; !doomed.empty(); doomed.pop_back()) {
            destroy_job(*doomed.back());
        }
    } catch (const std::bad_alloc&) {  // children before parents, in no other order
        while (Job* const job = innermost_job()) {
            destroy_job(*job);
        }
    }
}

void LoopCore::destroy_job(Job& job) noexcept {
    thread_state.job = &job;
    destroy_frames(job);
    thread_state.job = nullptr;
    job.error = nullptr;  // what its last await would have thrown
    ready.clear();        // whom its destructors woke goes the same way
    job.state = JobState::cancelled;
    end_scope(job);
    job.ended = true;
    job.joiners.wake_all();
    std::exchange(job.nursery, nullptr)->child_gone(job);
    ready.clear();
    observe(Observer::exited, [&](Observer& o) { o.job_exited(job.info()); });
    job.release();
}

void LoopCore::close() noexcept {
    root.closed = true;
    while (close_listeners_.linked()) {
        auto& listener = static_cast<CloseListener&>(*close_listeners_.next);
        listener.unlink_self();
        listener.loop_closing();
    }
    while (owed != 0 && !inherited()) {  // their senders are one step from the push
        begin_turn();
        drain_inbox();
        std::this_thread::yield();
    }
    inbox->close();
    while ((!inbox->empty() || has_work()) && !inherited()) {
        begin_turn();
        drain_inbox();
        run_callbacks_and_jobs();
    }
}

// --- observers ---------------------------------------------------------------------------------

void LoopCore::add_observer(Observer& observer) {
    for (const Watching& watching : observers_) {
        if (watching.observer == &observer) {
            throw std::invalid_argument("this observer watches the loop already");
        }
    }
    observers_.push_back({&observer, observer.hooks()});
    hooks |= observers_.back().hooks;
}

void LoopCore::remove_observer(Observer& observer) {
    if (!drop_observer(observer)) {
        throw std::invalid_argument("this observer does not watch the loop");
    }
}

bool LoopCore::drop_observer(Observer& observer) noexcept {
    const auto found =
        std::find_if(observers_.begin(), observers_.end(), [&](const auto& watching) {
            return watching.observer == &observer;
        });
    if (found == observers_.end()) {
        return false;
    }
    observers_.erase(found);
    hooks = 0;
    for (const Watching& watching : observers_) {
        hooks |= watching.hooks;
    }
    return true;
}

void LoopCore::disable_observer(Observer& observer) noexcept {
    log_or_brief(
        log_error,
        [] {
            const std::string why = legible(describe(std::current_exception()));
            return "an observer threw and was removed: " + why;
        },
        "an observer threw and was removed, and there was no memory to say what");
    drop_observer(observer);  // unless it has left by itself
}

void LoopCore::made_woken(Job& job) noexcept {
    if ((hooks & Observer::ready_times) != 0) {
        job.set_ready_since(clock->now());
    }
    made_ready(job);
}

void LoopCore::made_ready(Job& job) noexcept {
    ready.wake_if_first();
    if ((hooks & Observer::scheduled) != 0) {
        observe(Observer::scheduled, [&](Observer& o) { o.job_scheduled(job.info()); });
    }
}

void LoopCore::report_failure(const Job* job,
                              std::exception_ptr error,
                              std::string_view where) noexcept {
    if (abandoned != nullptr && job != nullptr && abandoned->explain(*job, error)) {
        return;
    }
    const JobInfo info = job != nullptr ? job->info() : JobInfo{};
    if (observers_.empty()) {
        log_failure(info, error, where);
    }
    observe(Observer::no_hooks, [&](Observer& o) { o.failure(info, error, where); });
}

void LoopCore::report_lost_connection(const Job& job, const std::exception_ptr& error) noexcept {
    if (abandoned != nullptr && abandoned->explain(job, error)) {
        return;
    }
    const JobInfo info = job.info();
    if (observers_.empty()) {
        log_connection_lost(info, error);
    }
    observe(Observer::no_hooks, [&](Observer& o) { o.connection_lost(info, error); });
}

}  // namespace eddy::inline v0_1::detail
