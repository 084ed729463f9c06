// SPDX-License-Identifier: MIT
#include <eddy/detail/ready_queue.hpp>

#include <new>
#include <utility>
#include <vector>

namespace eddy::inline v0_1::detail {

void ReadyQueue::clear() noexcept {
    for (Line* line : {&woken_, &willing_}) {
        line->head = nullptr;
        line->out = line->in;
    }
    batch_ = 0;
}

void ReadyQueue::seed(std::optional<std::uint64_t> seed) noexcept {
    seeded_ = seed.has_value();
    random_state_ = seed.value_or(0);
    batch_ = 0;
}

std::uint64_t ReadyQueue::random() noexcept {
    // splitmix64 (Steele, Lea, Flood 2014): any seed is a good one.
    std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
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
        if (woken_.head == nullptr) {
            push(woken_, pop(willing_));
        }
        return;
    }
    for (const Line* line : {&woken_, &willing_}) {
        for (Job* job = line->head; job != nullptr; job = job->ready_next) {
            jobs.push_back(job);
        }
    }
    clear();
    for (std::size_t i = jobs.size(); i > 1; --i) {
        std::swap(jobs[i - 1], jobs[random() % i]);
    }
    for (Job* job : jobs) {
        push(woken_, *job);
    }
    batch_ = jobs.size();
}

}  // namespace eddy::inline v0_1::detail
