// SPDX-License-Identifier: MIT
// Random programs on a CapacityLimiter, beside a model that is a set, a queue and a number.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/capacity_limiter.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::CapacityLimiter;
using eddy::CapacityToken;
using eddy::Task;

/// Tokens of those who have one, by borrower.
using Pockets = std::map<int, CapacityToken>;

Task<std::string> acquire(CapacityLimiter& limiter, int who, Pockets& pockets) {
    std::string how;
    try {
        CapacityToken token = co_await limiter.acquire_on_behalf_of(who);
        pockets.emplace(who, std::move(token));
        how = "got";
    } catch (const eddy::InvalidState&) {
        how = "twice";
    }
    co_return how;
}

Task<std::string> acquire_either(CapacityLimiter& limiter, int a, int b, Pockets& pockets) {
    std::string how;
    try {
        auto got =
            co_await eddy::select(limiter.acquire_on_behalf_of(a), limiter.acquire_on_behalf_of(b));
        const int who = got.index() == 0 ? a : b;
        pockets.emplace(
            who, got.index() == 0 ? std::get<0>(std::move(got)) : std::get<1>(std::move(got)));
        how = "got " + std::to_string(who);
    } catch (const eddy::InvalidState&) {
        how = "twice";
    }
    co_return how;
}

class LimiterProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    struct Request {
        int job = 0;
        int who = 0;
        bool either = false;
    };

    Task<> step() override {
        const auto begun = pick(0, 4);
        for (std::int64_t i = 0; i < begun; ++i) {
            one_in(4) ? begin_either() : begin();
            co_await eddy::testing::settle();
        }
        const auto operations = pick(0, 4);
        for (std::int64_t i = 0; i < operations; ++i) {
            operate();
        }
    }

    [[nodiscard]] int somebody() { return static_cast<int>(pick(0, 30)) * 8; }
    [[nodiscard]] bool known(int who) const {
        return borrowers_.contains(who) ||
               std::any_of(queue_.begin(), queue_.end(), [who](const Request& request) {
                   return request.who == who;
               });
    }
    [[nodiscard]] bool room() const {
        return static_cast<std::int64_t>(borrowers_.size()) < total_;
    }

    void begin() {
        const int who = somebody();
        const int job = start(acquire(limiter_, who, pockets_));
        if (known(who)) {
            expect(job, "twice");
        } else if (queue_.empty() && room()) {
            give({job, who});
        } else {
            queue_.push_back({job, who});
        }
    }

    void begin_either() {
        const int a = somebody();
        const int b = somebody();
        const int job = start(acquire_either(limiter_, a, b, pockets_));
        if (known(a)) {
            expect(job, "twice");
        } else if (queue_.empty() && room()) {
            give({job, a, true});
        } else if (known(b) || a == b) {
            expect(job, "twice");
        } else {
            queue_.push_back({job, a, true});
            queue_.push_back({job, b, true});
        }
    }

    void give(const Request& request) {
        borrowers_.insert(request.who);
        expect(request.job,
               request.either ? "got " + std::to_string(request.who) : std::string("got"));
    }
    void leave(int job) {
        std::erase_if(queue_, [job](const Request& request) { return request.job == job; });
    }
    void grant() {
        while (!queue_.empty() && room()) {
            const Request first = queue_.front();
            leave(first.job);
            give(first);
        }
    }

    void operate() {
        const auto what = pick(0, 9);
        if (what < 2) {
            total_ = one_in(10) ? CapacityLimiter::infinite : pick(0, 8);
            limiter_.set_total(total_);
            grant();
        } else if (what < 5 && !queue_.empty()) {
            const int job = queue_[pick_index(queue_.size())].job;
            cancel(job);
            leave(job);
            grant();
            expect(job, "cancelled");
        } else if (!pockets_.empty()) {
            const auto pocket = std::next(pockets_.begin(),
                                          static_cast<std::ptrdiff_t>(pick_index(pockets_.size())));
            borrowers_.erase(pocket->first);
            pockets_.erase(pocket);
            grant();
        }
        CHECK(limiter_.borrowed() == static_cast<std::int64_t>(borrowers_.size()));
    }

    void compare() override {
        const eddy::CapacityLimiterStatistics seen = limiter_.statistics();
        std::set<int> who;
        for (const eddy::Borrower& borrower : seen.borrowers) {
            who.insert(static_cast<int>(borrower.value()));
        }
        CHECK(who == borrowers_);
        CHECK(seen.borrowed == static_cast<std::int64_t>(borrowers_.size()));
        CHECK(seen.waiters == queue_.size());
        CHECK(seen.total == total_);
    }

    Task<> finish() override {
        total_ = CapacityLimiter::infinite;
        limiter_.set_total(total_);
        grant();
        co_await check();
        pockets_.clear();
        borrowers_.clear();
    }

    CapacityLimiter limiter_{3};
    std::int64_t total_ = 3;
    std::set<int> borrowers_;
    std::deque<Request> queue_;
    Pockets pockets_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a capacity limiter what they do to its model",
                LimiterProgram)
