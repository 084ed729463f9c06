// SPDX-License-Identifier: MIT
// Random programs on the three queues, beside plain lists of items and of those who wait.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/lifo_queue.hpp>
#include <eddy/priority_queue.hpp>
#include <eddy/queue.hpp>
#include <eddy/testing/model_test.hpp>

#include "exchange_kit.hpp"

namespace {

using eddy::Task;
using eddy::testing::ModelProgram;
using eddy::testing::Tracked;

/// Items are ordered by their tens: those of one ten are equals.
struct ByTens {
    bool operator()(const Tracked& a, const Tracked& b) const noexcept {
        return a.number() / 10 < b.number() / 10;
    }
};

enum class Order { fifo, lifo, priority };

/// A queue as one would write it down: which item is the next one?
std::size_t next_of(const std::vector<int>& items, Order order) {
    if (order == Order::fifo) {
        return 0;
    }
    if (order == Order::lifo) {
        return items.size() - 1;
    }
    const auto before = [](int a, int b) { return a / 10 < b / 10; };
    return static_cast<std::size_t>(std::min_element(items.begin(), items.end(), before) -
                                    items.begin());
}

template <class Q, Order order>
class QueueProgram : public ModelProgram {
public:
    QueueProgram(std::uint64_t seed, bool in_order)
        : ModelProgram(seed, in_order),
          capacity_(static_cast<std::size_t>(pick(1, 3))),
          queue_(capacity_) {
        steps = 40;
    }
    ~QueueProgram() override = default;

protected:
    Task<> step() override {
        if (pick(0, 1) == 0) {
            begin_wait();
            co_return;  // it begins before anything else happens
        }
        for (std::int64_t i = pick(1, 4); i > 0; --i) {
            act();
        }
    }

    Task<> finish() override {
        shut(eddy::Shutdown::immediate);
        while (unfinished_ != 0) {
            done();
        }
        co_return;
    }

    void compare() override {
        const eddy::QueueStatistics now = queue_.statistics();
        CHECK(now.size == items_.size());
        CHECK(now.getters == getters_.size());
        CHECK(now.putters == putters_.size());
        CHECK(now.joiners == joiners_.size());
        CHECK(now.unfinished == unfinished_);
        CHECK(now.shut_down == shut_);
        CHECK(static_cast<std::size_t>(Tracked::alive()) == items_.size() + putters_.size());
    }

private:
    struct Putter {
        int job;
        int item;
    };

    Task<std::string> put(int number) {
        Tracked item(number);
        try {
            co_await queue_.put(std::move(item));
        } catch (const eddy::ClosedResource&) {
            co_return "closed with " + std::to_string(item.number());
        }
        co_return "put";
    }
    Task<std::string> get() {
        try {
            const Tracked item = co_await queue_.get();
            co_return std::to_string(item.number());
        } catch (const eddy::EndOfStream&) {
            co_return "end";
        }
    }
    Task<std::string> next() {
        const std::optional<Tracked> item = co_await queue_.next();
        co_return item ? std::to_string(item->number()) : "end";
    }
    Task<std::string> join() {
        co_await queue_.join();
        co_return "joined";
    }

    void begin_wait() {
        switch (pick(0, 5)) {
            case 0:
            case 1:
            case 2:
                begin_put();
                break;
            case 3:
                begin_get(start(get()));
                break;
            case 4:
                begin_get(start(next()));
                break;
            default:
                begin_join();
                break;
        }
    }
    void begin_put() {
        const int number = number_++ * 7 % 100;
        const int job = start(put(number));
        if (shut_) {
            expect(job, "closed with " + std::to_string(number));
        } else if (!getters_.empty() || items_.size() < capacity_) {
            expect(job, "put");
            came_in(number);
        } else {
            putters_.push_back({job, number});
        }
    }
    void begin_get(int job) {
        if (!items_.empty()) {
            expect(job, std::to_string(came_out()));
            refill();
        } else if (shut_) {
            expect(job, "end");
        } else {
            getters_.push_back(job);
        }
    }
    void begin_join() {
        const int job = start(join());
        if (unfinished_ == 0) {
            expect(job, "joined");
        } else {
            joiners_.push_back(job);
        }
    }

    void act() {
        const std::int64_t what = pick(0, 99);
        if (what < 30) {
            try_put();
        } else if (what < 60) {
            try_get();
        } else if (what < 85) {
            cancel_one();
        } else if (what < 97) {
            done();
        } else if (what < 99) {
            shut(eddy::Shutdown::drain);
        } else {
            shut(eddy::Shutdown::immediate);
        }
    }
    void try_put() {
        const int number = number_++ * 7 % 100;
        Tracked item(number);
        bool put = false;
        bool closed = false;
        try {
            put = queue_.try_put(std::move(item));
        } catch (const eddy::ClosedResource&) {
            closed = true;
        }
        CHECK(closed == shut_);
        CHECK(put == (!shut_ && (!getters_.empty() || items_.size() < capacity_)));
        CHECK(item.number() == (put ? -1 : number));
        if (put) {
            came_in(number);
        }
    }
    void try_get() {
        const std::optional<Tracked> item = queue_.try_get();
        REQUIRE(item.has_value() == !items_.empty());
        if (item) {
            CHECK(item->number() == came_out());
            refill();
        }
    }
    void cancel_one() {
        const std::size_t all = putters_.size() + getters_.size() + joiners_.size();
        if (all == 0) {
            return;
        }
        std::size_t index = pick_index(all);
        int job = 0;
        if (index < putters_.size()) {
            job = putters_[index].job;
            putters_.erase(putters_.begin() + static_cast<std::ptrdiff_t>(index));
        } else {
            index -= putters_.size();
            std::vector<int>& list = index < getters_.size() ? getters_ : joiners_;
            index -= index < getters_.size() ? 0 : getters_.size();
            job = list[index];
            list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
        }
        cancel(job);
        expect(job, "cancelled");
    }
    void done() {
        bool refused = false;
        try {
            queue_.task_done();
        } catch (const eddy::InvalidState&) {
            refused = true;
        }
        CHECK(refused == (unfinished_ == items_.size()));
        finished(refused ? 0 : 1);
    }
    void shut(eddy::Shutdown how) {
        queue_.shutdown(how);
        shut_ = true;
        for (const Putter& putter : putters_) {
            expect(putter.job, "closed with " + std::to_string(putter.item));
        }
        putters_.clear();
        for (const int job : getters_) {
            expect(job, "end");
        }
        getters_.clear();
        if (how == eddy::Shutdown::immediate) {
            const std::size_t dropped = items_.size();
            items_.clear();
            finished(dropped);
        }
    }

    void came_in(int number) {
        ++unfinished_;
        if (getters_.empty()) {
            items_.push_back(number);
            return;
        }
        expect(getters_.front(), std::to_string(number));
        getters_.erase(getters_.begin());
    }
    int came_out() {
        const std::size_t index = next_of(items_, order);
        const int number = items_[index];
        items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(index));
        return number;
    }
    void refill() {
        if (!putters_.empty()) {
            const Putter putter = putters_.front();
            putters_.erase(putters_.begin());
            expect(putter.job, "put");
            came_in(putter.item);
        }
    }
    void finished(std::size_t count) {
        unfinished_ -= count;
        if (unfinished_ == 0) {
            for (const int job : joiners_) {
                expect(job, "joined");
            }
            joiners_.clear();
        }
    }

    std::size_t capacity_;
    Q queue_;
    int number_ = 0;
    std::vector<int> items_;  // in the order they came
    std::vector<Putter> putters_;
    std::vector<int> getters_;
    std::vector<int> joiners_;
    std::size_t unfinished_ = 0;
    bool shut_ = false;
};

using FifoProgram = QueueProgram<eddy::Queue<Tracked>, Order::fifo>;
using LifoProgram = QueueProgram<eddy::LifoQueue<Tracked>, Order::lifo>;
using PriorityProgram = QueueProgram<eddy::PriorityQueue<Tracked, ByTens>, Order::priority>;

}  // namespace

EDDY_MODEL_TEST("random programs do to a queue what they do to its model", FifoProgram)
EDDY_MODEL_TEST("random programs do to a LIFO queue what they do to its model", LifoProgram)
EDDY_MODEL_TEST("random programs do to a priority queue what they do to its model", PriorityProgram)
