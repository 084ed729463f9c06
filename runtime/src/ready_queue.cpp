// SPDX-License-Identifier: MIT
#include <eddy/detail/ready_queue.hpp>

#include <utility>
#include <vector>

namespace eddy::detail {

void ReadyQueue::clear() noexcept {
    clear(woken_);
    clear(willing_);
    batch_ = 0;
}

void ReadyQueue::clear(Line& line) noexcept {
    while (line.head != nullptr) {
        line.head->queued = false;
        line.head = line.head->ready_next;
    }
    line.out = line.in;
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

void ReadyQueue::shuffle() noexcept {
    std::vector<Job*> jobs;
    jobs.reserve(size());
    for (Job* job = woken_.head; job != nullptr; job = job->ready_next) {
        jobs.push_back(job);
    }
    for (std::size_t i = jobs.size(); i > 1; --i) {
        std::swap(jobs[i - 1], jobs[random() % i]);
    }
    for (std::size_t i = 0; i + 1 < jobs.size(); ++i) {
        jobs[i]->ready_next = jobs[i + 1];
    }
    woken_.head = jobs.front();
    woken_.tail = jobs.back();
    woken_.tail->ready_next = nullptr;
    batch_ = jobs.size() - 1;  // one of them is being taken
}

}  // namespace eddy::detail
