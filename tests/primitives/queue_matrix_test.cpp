// SPDX-License-Identifier: MIT
#include <optional>

#include <doctest/doctest.h>

#include <eddy/lifo_queue.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/testing/wait_matrix.hpp>

namespace {

using eddy::Task;
using eddy::testing::VirtualClock;

/// One item for the first getter; what it does not take is there for the next.
template <class Q>
class GetFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit GetFixture(VirtualClock&) {}
    Task<> prepare() { co_return; }
    auto operation() { return queue_.get(); }
    void took() { ++taken_; }
    Task<> wait() {
        co_await queue_.get();
        ++taken_;
    }
    Task<> wait_again() {
        CHECK(queue_.size() == put_ - taken_);
        if (queue_.empty()) {
            complete();
        }
        co_await queue_.next();
        ++taken_;
    }
    void complete() {
        CHECK(queue_.try_put(1));
        ++put_;
    }
    bool intact() const {
        const eddy::QueueStatistics now = queue_.statistics();
        return now.getters == 0 && now.size == put_ - taken_;
    }

protected:
    Q queue_{2};
    std::size_t put_ = 0;
    std::size_t taken_ = 0;
};

template <class Q>
struct NextFixture : GetFixture<Q> {
    using GetFixture<Q>::GetFixture;
    auto operation() { return this->queue_.next(); }
    Task<> wait() {
        const std::optional<int> item = co_await this->queue_.next();
        CHECK(item);
        ++this->taken_;
    }
};

/// The end, for one that waits for an item.
struct EndFixture : NextFixture<eddy::Queue<int>> {
    using NextFixture<eddy::Queue<int>>::NextFixture;
    void took() {}
    Task<> wait() {
        const std::optional<int> item = co_await queue_.next();
        CHECK_FALSE(item);
    }
    Task<> wait_again() { co_await wait(); }
    void complete() { queue_.shutdown(); }
};

class PutFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit PutFixture(VirtualClock&) {}
    Task<> prepare() { co_await queue_.put(0); }
    auto operation() { return queue_.put(std::move(item_)); }
    void took() { ++put_; }
    void complete_again() { CHECK(queue_.try_get() == 1); }
    Task<> wait() {
        co_await queue_.put(1);
        ++put_;
    }
    Task<> wait_again() {
        CHECK(queue_.size() == put_);
        static_cast<void>(queue_.try_get());
        co_await queue_.put(2);
        put_ = 1;
    }
    void complete() { CHECK(queue_.try_get() == 0); }
    bool intact() const {
        const eddy::QueueStatistics now = queue_.statistics();
        return now.putters == 0 && now.size <= 1;
    }

protected:
    eddy::Queue<int> queue_{1};
    std::size_t put_ = 0;
    int item_ = 1;
};

struct CopyFixture : PutFixture {
    using PutFixture::PutFixture;
    auto operation() {
        const int item = 1;
        return queue_.put(item);
    }
    Task<> wait() {
        const int item = 1;
        co_await queue_.put(item);
        ++put_;
    }
};

class JoinFixture {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit JoinFixture(VirtualClock&) {}
    Task<> prepare() { co_await queue_.put(0); }
    auto operation() { return queue_.join(); }
    Task<> wait() { co_await queue_.join(); }
    Task<> wait_again() { co_await wait(); }
    void complete() {
        CHECK(queue_.try_get() == 0);
        queue_.task_done();
    }
    bool intact() const { return queue_.statistics().joiners == 0; }

private:
    eddy::Queue<int> queue_{1};
};

using QueueGet = GetFixture<eddy::Queue<int>>;
using QueueNext = NextFixture<eddy::Queue<int>>;
using LifoGet = GetFixture<eddy::LifoQueue<int>>;
using PriorityGet = GetFixture<eddy::PriorityQueue<int>>;

}  // namespace

EDDY_WAIT_MATRIX("Queue::get", QueueGet)
EDDY_WAIT_MATRIX("Queue::next", QueueNext)
EDDY_WAIT_MATRIX("Queue::next at the end", EndFixture)
EDDY_WAIT_MATRIX("LifoQueue::get", LifoGet)
EDDY_WAIT_MATRIX("PriorityQueue::get", PriorityGet)
EDDY_WAIT_MATRIX("Queue::put", PutFixture)
EDDY_WAIT_MATRIX("Queue::put of a copy", CopyFixture)
EDDY_WAIT_MATRIX("Queue::join", JoinFixture)
