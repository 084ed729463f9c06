// SPDX-License-Identifier: MIT
// What holds at any time, and in the end; and which operation may fail in which way.
#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string_view>

#include <eddy/error.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

void Watcher::job_abandoned(const JobInfo&, std::string_view backtrace) {
    if (torn_) {
        return;
    }
    std::fprintf(stderr, "%.*s\n", static_cast<int>(backtrace.size()), backtrace.data());
    broken("a job ignored its cancellation", __FILE__, __LINE__);
}

Duration duration_of(std::uint8_t byte) {
    using std::chrono::milliseconds;
    switch (byte % 16) {
        case 0:
            return Duration::zero();
        case 1:
            return Duration(1);
        case 2:
            return milliseconds(-3);
        case 3:
            return byte < 128 ? Duration::max() : std::chrono::hours(100);
        case 4:
            return byte < 128 ? Duration::min() : Duration(2);
        default:
            return milliseconds((byte % 16) - 4 + (byte / 16 % 4) * 5);
    }
}

TimePoint later(TimePoint from, Duration by) {
    return by > TimePoint::max() - from ? TimePoint::max() : from + by;
}

void World::check() const {
    const SemaphoreStatistics has = semaphore.statistics();
    FUZZ_REQUIRE(has.value + has.held == permits);
    FUZZ_REQUIRE(0 <= permits_out && permits_out <= has.held);
    FUZZ_REQUIRE(limiter.available() == limiter.total() - limiter.borrowed());
    FUZZ_REQUIRE(0 <= tokens_out && tokens_out <= limiter.borrowed());
    FUZZ_REQUIRE(counter.value() == counted);
    FUZZ_REQUIRE(readers == 0 || !writing);
    const RwLockStatistics rw = rw_lock.statistics();
    FUZZ_REQUIRE(static_cast<std::size_t>(readers) <= rw.readers && (!writing || rw.writing));
    FUZZ_REQUIRE(!rw.writing || rw.readers == 0);
    for (const auto& one : locks) {
        FUZZ_REQUIRE(!one.inside || one.lock.locked());
    }
    FUZZ_REQUIRE(fifo.size() <= fifo.capacity());
    FUZZ_REQUIRE(lifo.size() <= lifo.capacity());
    FUZZ_REQUIRE(priority.size() <= priority.capacity());
    check_waiters();
}

void World::check_waiters() const {
    for (const auto& one : locks) {
        const LockStatistics lock = one.lock.statistics();
        FUZZ_REQUIRE(lock.waiters == 0 || lock.locked);
    }
    const RwLockStatistics rw = rw_lock.statistics();
    FUZZ_REQUIRE(rw.waiters == 0 || rw.readers != 0 || rw.writing);
    FUZZ_REQUIRE(semaphore.statistics().waiters == 0 || semaphore.value() < permits);
    FUZZ_REQUIRE(limiter.statistics().waiters == 0 || limiter.available() <= 0);
    FUZZ_REQUIRE(latch.statistics().waiters == 0 || latch.count() != 0);
    FUZZ_REQUIRE(event.statistics().waiters == 0 || !event.is_set());
    FUZZ_REQUIRE(gate.statistics().waiters == 0 || !gate.is_set());
    FUZZ_REQUIRE(notify.statistics().waiters == 0 || !notify.statistics().permit);
    FUZZ_REQUIRE(barrier.statistics().waiters < barrier.parties());
    for (const QueueStatistics& queue :
         {fifo.statistics(), lifo.statistics(), priority.statistics()}) {
        FUZZ_REQUIRE(queue.getters == 0 || (queue.size == 0 && !queue.shut_down));
        FUZZ_REQUIRE(queue.putters == 0 || (queue.size == queue.capacity && !queue.shut_down));
    }
    for (const ChannelEnds& channel : channels) {
        if (!channel.sender.is_closed()) {
            const ChannelStatistics has = channel.sender.statistics();
            FUZZ_REQUIRE(has.waiting_to_receive == 0 ||
                         (has.buffered == 0 && (has.waiting_to_send == 0 || has.reserved != 0)));
        }
    }
}

void World::check_end() const {
    check();
    for (const JobRecord& job : jobs) {
        FUZZ_REQUIRE(job.begun == job.ended);
        FUZZ_REQUIRE(job.begun == 1 || job.may_not_begin || ledger.torn);
    }
    FUZZ_REQUIRE(permits_out == 0 && semaphore.value() == permits);
    FUZZ_REQUIRE(semaphore.statistics().waiters == 0);
    FUZZ_REQUIRE(tokens_out == 0 && limiter.borrowed() == 0);
    FUZZ_REQUIRE(limiter.statistics().waiters == 0 && limiter.statistics().borrowers.empty());
    for (const auto& one : locks) {
        FUZZ_REQUIRE(!one.inside && !one.lock.locked() && one.lock.statistics().waiters == 0);
    }
    FUZZ_REQUIRE(rw_lock.statistics().readers == 0 && !rw_lock.statistics().writing);
    FUZZ_REQUIRE(barrier.statistics().waiters == 0);
    FUZZ_REQUIRE(barrier_places[0] == barrier_places[1] || ledger.torn);
    FUZZ_REQUIRE(counter.statistics().waiters == 0);
    fifo_items.check(fifo.size());
    lifo_items.check(lifo.size());
    priority_items.check(priority.size());
    for (const ChannelEnds& channel : channels) {
        if (!channel.may_drop) {
            channel.items.check(channel.receiver.statistics().buffered);
        }
    }
    FUZZ_REQUIRE(posts_run == posted || (may_not_post && posts_run < posted));
    FUZZ_REQUIRE(keyed.statistics().keys == 0);
    FUZZ_REQUIRE(once.statistics().waiters == 0 && flights.statistics().waiters == 0);
    // No more than the bucket holds in a moment, or than comes in the time between two moments. One
    // may be in it besides, while somebody waits.
    for (std::size_t from = 0; from < rated.size(); ++from) {
        std::int64_t taken = 0;
        for (std::size_t to = from; to < rated.size(); ++to) {
            taken += rated[to].second;
            const auto came = (rated[to].first - rated[from].first) / std::chrono::milliseconds(5);
            FUZZ_REQUIRE(taken <= 3 + 1 + came);
        }
    }
}

namespace {

bool is_grant(Op op) {
    return (op >= Op::lock && op <= Op::condition_wait) ||
           (op >= Op::limiter_total && op <= Op::rate);
}

Task<> make_operation(World& world, const Node& node) {
    if (is_grant(node.op)) {
        return grant_operation(world, node);
    }
    if (node.op >= Op::put && node.op <= Op::oneshot_receive) {
        return item_operation(world, node);
    }
    if (node.op >= Op::promise_set && node.op <= Op::count_wait) {
        return told_operation(world, node);
    }
    if (node.op >= Op::select_items && node.op <= Op::again) {
        return select_operation(world, node);
    }
    if (node.op >= Op::callback || (node.op >= Op::keyed && node.op <= Op::retried)) {
        return more_operation(world, node);
    }
    if (node.op >= Op::write) {
        return outside_operation(world, node);
    }
    return flow_operation(world, node);
}

template <class E>
bool is(const std::exception& error) {
    return dynamic_cast<const E*>(&error) != nullptr;
}

bool one_of(Op op, std::initializer_list<Op> ops) {
    return std::find(ops.begin(), ops.end(), op) != ops.end();
}

/// The documented failures of what a program can do wrong.
bool may_throw(const World& world, Op op, const std::exception& error) {
    if (is<InvalidState>(error)) {  // holds it already, is left already, waits for itself
        return is_grant(op) || one_of(op,
                                      {Op::keyed,
                                       Op::flight,
                                       Op::once,
                                       Op::group_spawn,
                                       Op::group_start,
                                       Op::group,
                                       Op::join_job,
                                       Op::wait_job,
                                       Op::reserve,
                                       Op::select_grants,
                                       Op::select_job,
                                       Op::again,
                                       Op::oneshot_send,
                                       Op::oneshot_receive});
    }
    if (is<ClosedResource>(error)) {
        return one_of(op,
                      {Op::put,
                       Op::try_queue,
                       Op::select_put,
                       Op::send,
                       Op::receive,
                       Op::reserve,
                       Op::select_grants,
                       Op::write,
                       Op::read,
                       Op::end_stream});
    }
    if (is<EndOfStream>(error)) {
        return one_of(op, {Op::get, Op::receive, Op::select_items, Op::select_grants, Op::again});
    }
    if (is<BrokenBarrier>(error)) {
        return op == Op::barrier;
    }
    if (is<BrokenResource>(error)) {
        return one_of(op,
                      {Op::send,
                       Op::reserve,
                       Op::future_get,
                       Op::oneshot_receive,
                       Op::write,
                       Op::read,
                       Op::end_stream});
    }
    if (is<JobCancelled>(error)) {
        return one_of(op,
                      {Op::join_job,
                       Op::race,
                       Op::gather,
                       Op::detach,
                       Op::select_job,
                       Op::group_start,
                       Op::flight,
                       Op::once,
                       Op::completed,
                       Op::through_portal,
                       Op::mapped});
    }
    if (is<BusyResource>(error)) {
        return op == Op::end_stream;  // while another job writes
    }
    if (is<TimedOut>(error)) {
        return op == Op::fail_after;
    }
    if (is<Untagged>(error)) {
        return one_of(op, {Op::flight, Op::once, Op::retried, Op::callback, Op::through_portal});
    }
    if (is<std::out_of_range>(error)) {
        return op == Op::latch || op == Op::count;
    }
    if (is<LoopClosed>(error)) {
        return world.over || world.main_ended;
    }
    return false;
}

Task<> guarded(World& world, const Node& node) {
    try {
        co_await make_operation(world, node);
    } catch (const Cancelled&) {
        FUZZ_REQUIRE(world.shields_changed || current_effective_deadline() == TimePoint::min());
        throw;
    } catch (const Tagged&) {
        throw;
    } catch (const ExceptionGroup&) {
        throw;
    } catch (const std::exception& error) {
        if (!may_throw(world, node.op, error)) {
            std::fprintf(stderr, "operation %d: %s\n", static_cast<int>(node.op), error.what());
            broken("no operation fails in ways of others", __FILE__, __LINE__);
        }
    }
}

}  // namespace

Task<> run_block(World& world, Operations block) {
    for (const Node& node : block) {
        if (++world.operations > 2000) {
            co_return;
        }
        world.check();
        co_await guarded(world, node);
    }
}

}  // namespace eddy::fuzz
