// SPDX-License-Identifier: MIT
// What a pool has been given and does not run yet, against queues of numbers.
//
// Jobs offload to an executor that has a pool's queue and no threads: the bytes say when it takes
// the next work, runs it, and hears of a withdrawal.
//
// Laws:
// - at most `bound` works have a slot, in three classes, first in first out; the others are in a
//   line for one, in order of arrival, and move up when a slot is free;
// - the next one is of the class that smooth weighted round robin by 8 : 4 : 1 names, among those
//   that have any; a class that is empty saves nothing up;
// - a withdrawn work is never taken. One that is come upon before its withdrawal is heard of is set
//   aside until then;
// - each call that was not withdrawn runs once, and its job hears of it; the others are cancelled.
//
// Mistakes: equal_weights line_jumped
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <vector>

#include <eddy/executor.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/scope.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "../../executor/src/work_access.hpp"
#include "../../executor/src/work_queue.hpp"
#include "fuzz.hpp"

using eddy::Task;
using eddy::Work;
using eddy::detail::WorkAccess;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

// --- the queue as it should be -----------------------------------------------------------------

class Expected final {
public:
    explicit Expected(std::size_t bound) noexcept : bound_(bound) {}

    void push(Work& work) {
        if (planted("line_jumped") ? queued() <= bound_ : queued() < bound_) {
            class_of(work).works.push_back(&work);
        } else {
            line_.push_back(&work);
        }
    }
    /// `is_withdrawn(work)`: it cannot be taken.
    template <class Withdrawn>
    [[nodiscard]] Work* next(Withdrawn is_withdrawn) {
        while (queued() != 0) {
            Class& from = next_class();
            Work* const work = from.works.front();
            from.works.pop_front();
            freed(from);
            if (!is_withdrawn(*work)) {
                return work;
            }
            aside_.push_back(work);
        }
        return nullptr;
    }
    void remove(Work& work) {
        Class& from = class_of(work);
        const auto place = std::find(from.works.begin(), from.works.end(), &work);
        if (place != from.works.end()) {
            from.works.erase(place);
            freed(from);
        }
        std::erase(line_, &work);
        aside_.remove(&work);
    }

    [[nodiscard]] std::size_t queued() const {
        return classes_[0].works.size() + classes_[1].works.size() + classes_[2].works.size();
    }
    [[nodiscard]] std::size_t waiting() const { return line_.size(); }
    [[nodiscard]] bool has_leavers() const { return !aside_.empty(); }
    [[nodiscard]] bool has(eddy::Priority priority) const {
        return !classes_[static_cast<std::size_t>(priority)].works.empty();
    }

private:
    struct Class {
        int weight;
        int credit = 0;
        std::deque<Work*> works = {};
    };
    [[nodiscard]] Class& class_of(const Work& work) {
        return classes_[static_cast<std::size_t>(work.priority())];
    }
    [[nodiscard]] Class& next_class() {
        Class* best = nullptr;
        int total = 0;
        for (Class& one : classes_) {
            const int weight = planted("equal_weights") ? 1 : one.weight;
            if (!one.works.empty()) {
                one.credit += weight;
                total += weight;
                best = best == nullptr || one.credit > best->credit ? &one : best;
            }
        }
        best->credit -= total;
        return *best;
    }
    void freed(Class& from) {
        from.credit = from.works.empty() ? 0 : from.credit;
        if (!line_.empty()) {
            class_of(*line_.front()).works.push_back(line_.front());
            line_.pop_front();
        }
    }

    std::size_t bound_;
    std::array<Class, 3> classes_{{{8}, {4}, {1}}};
    std::deque<Work*> line_;
    std::list<Work*> aside_;
};

// --- the pool ----------------------------------------------------------------------------------

class Pool final : public eddy::Executor {
public:
    Pool(Bytes& input, std::size_t bound) : input_(input), queue_(bound), expected_(bound) {}

    void submit(Work& work) override {
        queue_.push(work);
        expected_.push(work);
        compare();
    }
    void withdraw(Work& work) noexcept override {
        withdrawn_.push_back(&work);
        if (input_.flag()) {
            hear();
        }
    }

    /// Of the oldest withdrawal.
    void hear() noexcept {
        if (withdrawn_.empty()) {
            return;
        }
        Work& work = *withdrawn_.front();
        withdrawn_.pop_front();
        queue_.remove(work);
        expected_.remove(work);
        WorkAccess::release(work);
        compare();
    }
    bool take() {
        Work* const work = queue_.claim_next();
        const auto is_withdrawn = [this](Work& one) {
            return std::find(withdrawn_.begin(), withdrawn_.end(), &one) != withdrawn_.end();
        };
        FUZZ_REQUIRE(work == expected_.next(is_withdrawn));
        compare();
        if (work != nullptr) {
            running_.push_back(work);
        }
        return work != nullptr;
    }
    void finish(std::size_t index) {
        if (!running_.empty()) {
            const auto place =
                running_.begin() + static_cast<std::ptrdiff_t>(index % running_.size());
            Work& work = **place;
            running_.erase(place);
            WorkAccess::execute(work);
            WorkAccess::complete(work);
        }
    }
    void end() {
        while (take()) {
        }
        while (!running_.empty()) {
            finish(0);
        }
        while (!withdrawn_.empty()) {
            hear();
        }
        FUZZ_REQUIRE(queue_.queued() == 0 && queue_.waiting() == 0 && !queue_.has_leavers());
    }

private:
    void compare() const noexcept {
        FUZZ_REQUIRE(queue_.queued() == expected_.queued());
        FUZZ_REQUIRE(queue_.waiting() == expected_.waiting());
        FUZZ_REQUIRE(queue_.has_leavers() == expected_.has_leavers());
        for (const auto priority :
             {eddy::Priority::high, eddy::Priority::normal, eddy::Priority::low}) {
            FUZZ_REQUIRE(queue_.has(priority) == expected_.has(priority));
        }
    }

    Bytes& input_;
    eddy::detail::WorkQueue queue_;
    Expected expected_;
    std::deque<Work*> withdrawn_;  // not heard of yet
    std::vector<Work*> running_;
};

// --- the jobs ----------------------------------------------------------------------------------

struct Call {
    eddy::CancelScope scope = eddy::CancelScope();
    int runs = 0;
    std::optional<bool> ran = {};  // as its job has heard
};

Task<> offloads(Pool& pool, Call& call, eddy::Priority priority) {
    auto work =
        eddy::run_in_executor(pool, {.priority = priority}, [](int* runs) { ++*runs; }, &call.runs);
    const bool ran = co_await eddy::with_scope(call.scope, std::move(work));
    call.ran = ran;
}

Task<> drive(Bytes& input) {
    Pool pool(input, 1U + input.take_u8() % 8U);
    std::deque<Call> calls;
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        while (!input.empty()) {
            const std::uint8_t what = input.take_u8();
            switch (what % 8) {
                case 0:
                case 1:
                case 2:
                    if (calls.size() < 48) {
                        calls.emplace_back();
                        constexpr eddy::Priority all[] = {
                            eddy::Priority::high, eddy::Priority::normal, eddy::Priority::low};
                        group.spawn(offloads(pool, calls.back(), all[what / 8 % 3]));
                    }
                    break;
                case 3:
                case 4:
                    pool.take();
                    break;
                case 5:
                    pool.finish(what / 8U);
                    break;
                case 6:
                    if (!calls.empty()) {
                        calls[what / 8U % calls.size()].scope.cancel();
                    }
                    break;
                default:
                    pool.hear();
            }
            co_await eddy::yield();
        }
        co_await eddy::yield();
        pool.end();
    });
    for (const Call& call : calls) {
        FUZZ_REQUIRE(call.ran.has_value());
        FUZZ_REQUIRE(call.runs == (*call.ran ? 1 : 0));
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(drive(input), {}, {.clock = &clock});
    return 0;
}
