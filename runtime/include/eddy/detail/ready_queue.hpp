// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/job_line.hpp>
#include <eddy/detail/split_mix.hpp>

namespace eddy::inline v0_1::detail {

/// The jobs that can go on, in two lines, each first in, first out: those that something has
/// *woken*, and the *willing*, which yielded, have used up their budget, or were just spawned.
///
/// The woken go first: a peer or a timer waits for them, and they are few while the loop keeps up;
/// the willing are there in every turn. `Turn` says when the willing may go first all the same: but
/// never before somebody who was woken when they were queued, so that `yield` means what it says.
///
/// For tests, a seed makes the order random instead, in one line: everything that is queued when
/// the previous batch is used up is shuffled. The same seed gives the same order.
class EDDY_API ReadyQueue final {
public:
    [[nodiscard]] bool empty() const noexcept {
        return woken_.jobs.empty() && willing_.jobs.empty();
    }
    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(woken_.in - woken_.out + willing_.in - willing_.out);
    }
    [[nodiscard]] bool has_willing() const noexcept { return !willing_.jobs.empty(); }
    /// How many of the willing have been taken, ever.
    [[nodiscard]] std::uint64_t willing_taken() const noexcept { return willing_.out; }

    void push_woken(Job& job) noexcept { push(woken_, job); }
    void push_willing(Job& job) noexcept {
        job.set_behind(woken_.in);
        push(willing_, job);
    }

    /// For its owner, after a push.
    [[nodiscard]] bool must_wake() const noexcept { return wake_ != nullptr; }
    void wake() const noexcept { wake_(wake_target_); }
    void wake_if_first() const noexcept {
        if (wake_ != nullptr && size() == 1) {
            wake_(wake_target_);
        }
    }

    /// The next one: of the woken, if there are any and `willing_first` is not said. Null: none.
    [[nodiscard]] Job* pop(bool willing_first) noexcept {
        if (seeded_) [[unlikely]] {
            return pop_seeded();
        }
        if (!woken_.jobs.empty() && !(willing_first && willing_may_go())) {
            return &pop(woken_);
        }
        return !willing_.jobs.empty() ? &pop(willing_) : nullptr;
    }

    /// Calls `callback(target)` whenever the queue stops being empty. Null: no more.
    void notify(void (*callback)(void* target) noexcept, void* target) noexcept {
        wake_ = callback;
        wake_target_ = target;
    }

    /// Forgets everybody, for teardown.
    void clear() noexcept;

    /// From now on: random, from this seed; nothing: FIFO.
    void seed(std::optional<std::uint64_t> seed) noexcept;

private:
    struct Line {
        JobLine jobs;
        std::uint64_t in = 0;   // how many came, ever
        std::uint64_t out = 0;  // and went
    };

    void push(Line& line, Job& job) noexcept {
        ++line.in;
        line.jobs.push_back(job);
    }
    [[nodiscard]] Job& pop(Line& line) noexcept {
        ++line.out;
        return line.jobs.pop_front();
    }
    [[nodiscard]] bool willing_may_go() const noexcept {
        return !willing_.jobs.empty() && willing_.jobs.front().behind() <= woken_.out;
    }
    [[nodiscard]] Job* pop_seeded() noexcept;
    void shuffle() noexcept;

    Line woken_;
    Line willing_;
    std::size_t batch_ = 0;  // what is left of the shuffled batch; of no meaning when not seeded
    void (*wake_)(void* target) noexcept = nullptr;
    void* wake_target_ = nullptr;
    bool seeded_ = false;
    SplitMix random_{0};
};

}  // namespace eddy::inline v0_1::detail
