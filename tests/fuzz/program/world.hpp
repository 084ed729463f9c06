// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <eddy/barrier.hpp>
#include <eddy/broadcast.hpp>
#include <eddy/call_later.hpp>
#include <eddy/capacity_limiter.hpp>
#include <eddy/channel.hpp>
#include <eddy/condition.hpp>
#include <eddy/counter.hpp>
#include <eddy/event.hpp>
#include <eddy/future.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/latch.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/lock.hpp>
#include <eddy/notify.hpp>
#include <eddy/observer.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/oneshot.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/rate_limiter.hpp>
#include <eddy/resettable_event.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/scope.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/watch.hpp>

#include "failures.hpp"
#include "item.hpp"
#include "plan.hpp"

namespace eddy::fuzz {

/// Counts jobs, and takes the failures that nobody else collects.
class Watcher final : public Observer {
public:
    Watcher(Failures& failures, bool torn) noexcept : failures_(failures), torn_(torn) {}

    [[nodiscard]] std::uint32_t hooks() const noexcept override { return spawned | exited; }
    void job_spawned(const JobInfo& job) override { FUZZ_REQUIRE(alive_.insert(job.id).second); }
    void job_exited(const JobInfo& job) override { FUZZ_REQUIRE(alive_.erase(job.id) == 1); }
    // NOLINTNEXTLINE(performance-unnecessary-value-param): as the base class has it.
    void failure(const JobInfo&, std::exception_ptr error, std::string_view) override {
        failures_.caught(error);
    }
    void job_abandoned(const JobInfo&, std::string_view backtrace) override;

    void check() const { FUZZ_REQUIRE(alive_.empty()); }

private:
    Failures& failures_;
    bool torn_;
    std::set<JobId> alive_;
};

/// A job of the program, or one that could not be started.
struct JobRecord {
    JoinHandle<int> handle = {};  // empty for those of a race and the like
    bool may_not_begin = false;
    bool joined = false;  // somebody takes, or has taken, its result
    int begun = 0;
    int ended = 0;
};

/// What a program's jobs share, and what is known of it.
///
/// Lifetime: outlives the loop.
struct World {
    World(const testing::VirtualClock& virtual_clock, Ledger& all_items, Failures& all_failures)
        : clock(virtual_clock), ledger(all_items), failures(all_failures) {
        for (auto& oneshot : oneshots) {
            Oneshot<Item> both;
            oneshot.first.emplace(std::move(both.sender));
            oneshot.second.emplace(std::move(both.receiver));
        }
    }

    [[nodiscard]] TimePoint now() const noexcept { return clock.now(); }
    [[nodiscard]] Item make_item() { return Item(ledger); }

    /// At any time.
    void check() const;
    /// Part of it: nobody waits for what is there.
    void check_waiters() const;
    /// When the loop is over.
    void check_end() const;

    const testing::VirtualClock& clock;
    TimePoint end = TimePoint(std::chrono::seconds(1));  // then everything is cancelled
    bool over = false;
    bool main_ended = false;
    bool shields_changed = false;    // a job of the program did that
    bool deadlines_changed = false;  // the same
    int operations = 0;

    Ledger& ledger;
    Failures& failures;
    std::deque<JobRecord> jobs;
    std::vector<CancelScope*> scopes;  // null once left
    struct GroupRecord {
        TaskGroup* group = nullptr;  // null once left
        int live = 0;
    };
    std::deque<GroupRecord> groups;

    struct {
        Lock lock;
        bool inside = false;
    } locks[2];
    Condition condition{locks[0].lock};
    RwLock rw_lock;
    int readers = 0;
    bool writing = false;
    static constexpr std::int64_t permits = 3;
    Semaphore semaphore{permits, permits};
    std::int64_t permits_out = 0;
    CapacityLimiter limiter{2};
    std::int64_t tokens_out = 0;
    Barrier barrier{2};
    std::array<int, 2> barrier_places{};
    Latch latch{3};
    RateLimiter rate{2, std::chrono::milliseconds(10), 3};
    std::vector<std::pair<TimePoint, std::int64_t>> rated;

    Queue<Item> fifo{2};
    LifoQueue<Item> lifo{1};
    PriorityQueue<Item> priority{2};
    Tally fifo_items;
    Tally lifo_items;
    Tally priority_items;
    struct ChannelEnds {
        explicit ChannelEnds(std::pair<Sender<Item>, Receiver<Item>> ends)
            : sender(std::move(ends.first)), receiver(std::move(ends.second)) {}
        Sender<Item> sender;
        Receiver<Item> receiver;
        Tally items;
        bool may_drop = false;  // what is in it: a receiver was closed
    };
    ChannelEnds channels[2] = {ChannelEnds(open_channel<Item>(0)),
                               ChannelEnds(open_channel<Item>(2))};
    Broadcast<int> broadcast{3};
    int broadcast_sent = 0;
    Watch<int> watch{0};
    std::pair<std::optional<OneshotSender<Item>>, std::optional<OneshotReceiver<Item>>> oneshots[2];
    Tally oneshot_items;
    std::optional<Promise<int>> promise{std::in_place};
    Future<int> future = promise->future();

    Event event;
    ResettableEvent gate;
    bool gate_was_set = false;
    Notify notify;
    Counter counter{0, {.max = 20}};
    std::int64_t counted = 0;

    std::pair<testing::MemoryStream, testing::MemoryStream> streams =
        testing::memory_stream_pair({.capacity = 4});
    struct Direction {
        std::uint64_t written = 0;
        std::uint64_t read = 0;
        bool writing = false;
        bool reading = false;
    } directions[2];

    KeyedLock<int> keyed;
    bool keyed_inside[3] = {};
    SingleFlight<int, int> flights;
    int flying[2] = {};
    OnceCell<int> once;
    int once_made = 0;
    int once_making = 0;

    int posted = 0;
    int posts_run = 0;
    bool may_not_post = false;  // a call through a portal was cancelled
    std::vector<TimerHandle> calls;
    ThreadPool* pool = nullptr;  // null: no offloads
};

/// What the current job has to wait for before it may do something: checks that nothing that can be
/// cancelled succeeds in a cancelled scope.
class Entry final {
public:
    explicit Entry(const World& world)
        : world_(world), began_(world.now()), deadline_(current_effective_deadline()) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    /// The wait has succeeded.
    void passed() const {
        FUZZ_REQUIRE(deadline_ != TimePoint::min());
        in_time();
    }
    /// Neither success nor cancellation comes later than the deadline, if nobody has moved it. Of a
    /// wait whose end nothing but its own cause and the scopes decide.
    void in_time() const {
        FUZZ_REQUIRE(world_.shields_changed || world_.deadlines_changed ||
                     world_.now() <= std::max(deadline_, began_));
    }
    [[nodiscard]] TimePoint began() const noexcept { return began_; }

private:
    const World& world_;
    TimePoint began_;
    TimePoint deadline_;
};

/// A duration of the program: few different ones, so that many end together; and odd ones.
[[nodiscard]] Duration duration_of(std::uint8_t byte);

/// Where it is from: the end of a duration, however large.
[[nodiscard]] TimePoint later(TimePoint from, Duration by);

}  // namespace eddy::fuzz
