// SPDX-License-Identifier: MIT
#include <eddy/detail/ready_queue.hpp>

#include <new>
#include <utility>
#include <vector>

namespace eddy::inline v0_1::detail {

void ReadyQueue::clear() noexcept {
    for (Line* line : {&woken_, &willing_}) {
        line->jobs.clear();
        line->out = line->in;
    }
    batch_ = 0;
}

void ReadyQueue::seed(std::optional<std::uint64_t> seed) noexcept {
    seeded_ = seed.has_value();
    random_ = SplitMix(seed.value_or(0));
    batch_ = 0;
}

Job* ReadyQueue::pop_seeded() noexcept {
    if (empty()) {
        return nullptr;
    }
    if (batch_ == 0) {
        shuffle();
    }
    --batch_;
    return &pop(woken_);
}

void ReadyQueue::shuffle() noexcept {
    std::vector<Job*> jobs;
    const std::size_t count = size();
    try {
        jobs.reserve(count);
    } catch (const std::bad_alloc&) {  // one is as random as any other
        batch_ = 1;
        if (woken_.jobs.empty()) {
            push(woken_, pop(willing_));
        }
        return;
    }
    for (const Line* line : {&woken_, &willing_}) {
        for (Job& job : line->jobs) {
            jobs.push_back(&job);
        }
    }
    clear();
    for (std::size_t i = jobs.size(); i > 1; --i) {
        std::swap(jobs[i - 1], jobs[random_.next() % i]);
    }
    for (Job* job : jobs) {
        push(woken_, *job);
    }
    batch_ = jobs.size();
}

}  // namespace eddy::inline v0_1::detail
