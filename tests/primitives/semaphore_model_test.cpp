// SPDX-License-Identifier: MIT
// Random programs on a Semaphore, beside a model that is an integer and a plain queue.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/select.hpp>
#include <eddy/semaphore.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::Permit;
using eddy::Semaphore;
using eddy::Task;

/// Where jobs leave the permits they got, for the program to do things with.
using Pockets = std::map<int, Permit>;

Task<std::string> acquire(Semaphore& semaphore, std::int64_t permits, Pockets& pockets, int& ids) {
    std::string how;
    try {
        Permit permit = co_await semaphore.acquire(permits);
        how = "got " + std::to_string(permit.count());
        pockets.emplace(ids++, std::move(permit));
    } catch (const eddy::ClosedResource&) {
        how = "closed";
    }
    co_return how;
}

/// The first of two requests that can be granted; the other one leaves the queue.
Task<std::string> acquire_either(
    Semaphore& semaphore, std::int64_t a, std::int64_t b, Pockets& pockets, int& ids) {
    std::string how;
    try {
        auto got = co_await eddy::select(semaphore.acquire(a), semaphore.acquire(b));
        Permit permit =
            got.index() == 0 ? std::get<0>(std::move(got)) : std::get<1>(std::move(got));
        how = "got " + std::to_string(permit.count());
        pockets.emplace(ids++, std::move(permit));
    } catch (const eddy::ClosedResource&) {
        how = "closed";
    }
    co_return how;
}

class SemaphoreProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    static constexpr std::int64_t most = 8;

    struct Request {
        int job = 0;
        std::int64_t permits = 0;
    };

    Task<> step() override {
        const auto begun = pick(0, 3);
        for (std::int64_t i = 0; i < begun; ++i) {
            begin();
            co_await eddy::testing::settle();  // the order of arrival is the model's
        }
        const auto operations = pick(0, 4);
        for (std::int64_t i = 0; i < operations; ++i) {
            operate();  // several in one turn: this is where grants and cancels meet
        }
    }

    void begin() {
        const std::int64_t a = pick(0, most);
        if (one_in(3)) {
            const std::int64_t b = pick(0, most);
            const int job = start(acquire_either(semaphore_, a, b, pockets_, ids_));
            request_either(job, a, b);
            return;
        }
        const int job = start(acquire(semaphore_, a, pockets_, ids_));
        if (closed_) {
            expect(job, "closed");
        } else if (a == 0 || (queue_.empty() && a <= value_)) {
            give(job, a);
        } else {
            queue_.push_back({job, a});
        }
    }

    void request_either(int job, std::int64_t a, std::int64_t b) {
        if (closed_) {
            expect(job, "closed");
            return;
        }
        for (const std::int64_t permits : {a, b}) {
            if (permits == 0 || (queue_.empty() && permits <= value_)) {
                give(job, permits);
                return;
            }
        }
        queue_.push_back({job, a});
        queue_.push_back({job, b});
    }

    void give(int job, std::int64_t permits) {
        value_ -= permits;
        held_ += permits;
        expect(job, "got " + std::to_string(permits));
    }

    /// Grants from the front; who is granted leaves with both of its requests.
    void grant() {
        while (!queue_.empty() && queue_.front().permits <= value_) {
            const Request first = queue_.front();
            leave(first.job);
            give(first.job, first.permits);
        }
    }
    void leave(int job) {
        std::erase_if(queue_, [job](const Request& request) { return request.job == job; });
    }

    void operate() {
        switch (pick(0, 9)) {
            case 0:
                release(pick(0, 4));
                break;
            case 1:
            case 2:
            case 3:
                if (!queue_.empty()) {
                    const int job = queue_[pick_index(queue_.size())].job;
                    cancel(job);
                    leave(job);
                    grant();  // whoever moves up is ready before the one who leaves
                    expect(job, "cancelled");
                }
                break;
            case 4:
                if (one_in(40)) {
                    close();
                }
                break;
            case 5: {
                const std::int64_t permits = pick(0, 3);
                const std::int64_t gone = std::min(permits, value_);
                CHECK(semaphore_.forget_permits(permits) == gone);
                value_ -= gone;
                break;
            }
            default:
                with_a_pocket();
                break;
        }
        CHECK(semaphore_.value() == value_);  // a grant shows at once
    }

    void release(std::int64_t permits) {
        if (permits > most - value_ - held_) {
            CHECK_THROWS_AS(semaphore_.release(permits), std::out_of_range);
            return;
        }
        semaphore_.release(permits);
        value_ += permits;
        grant();
    }

    void close() {
        semaphore_.close();
        closed_ = true;
        while (!queue_.empty()) {
            const int job = queue_.front().job;
            leave(job);
            expect(job, "closed");
        }
    }

    void with_a_pocket() {
        if (pockets_.empty()) {
            return;
        }
        const auto pocket =
            std::next(pockets_.begin(), static_cast<std::ptrdiff_t>(pick_index(pockets_.size())));
        const std::int64_t count = pocket->second.count();
        if (one_in(4)) {
            pocket->second.forget();
            held_ -= count;
        } else if (one_in(3)) {
            const std::int64_t part = pick(0, count);
            static_cast<void>(pocket->second.split(part));  // it ends at once
            held_ -= part;
            value_ += part;
            grant();
            return;
        } else if (one_in(3)) {
            pocket->second.merge(std::move(pockets_.begin()->second));
            if (pocket != pockets_.begin()) {
                pockets_.erase(pockets_.begin());
            }
            return;
        } else {
            held_ -= count;
            value_ += count;
            pockets_.erase(pocket);
            grant();
            return;
        }
        pockets_.erase(pocket);
    }

    void compare() override {
        const eddy::SemaphoreStatistics seen = semaphore_.statistics();
        CHECK(seen.value == value_);
        CHECK(seen.held == held_);
        CHECK(seen.waiters == queue_.size());
        CHECK(seen.closed == closed_);
    }

    Task<> finish() override {
        close();
        held_ = 0;
        for (auto& [id, permit] : pockets_) {
            permit.forget();
        }
        pockets_.clear();
        co_await check();
        for (auto& [id, permit] : pockets_) {  // of those who were granted in the last step
            permit.forget();
        }
        pockets_.clear();
        held_ = 0;
    }

    Semaphore semaphore_{3, most};
    std::int64_t value_ = 3;
    std::int64_t held_ = 0;
    bool closed_ = false;
    std::deque<Request> queue_;
    int ids_ = 0;
    Pockets pockets_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a semaphore what they do to its model", SemaphoreProgram)
