// SPDX-License-Identifier: MIT
// Jobs that wait in queues, alone and in selects, against lists of who waits where.
//
// Laws, after each step:
// - a queue holds those that wait in it, in their order: its size, and who is first;
// - a wake takes the first, and the other waits of the same select leave at that moment, wherever
//   they are, also those in the queue that is being woken; so does everything of a job that is
//   cancelled; `wake_all` says how many jobs it has woken, and leaves nobody;
// - who is taken out may be queued elsewhere, at either end;
// - nothing runs inside a wake; then each job hears of what has happened to it, once: which wait
//   of its was woken, or that it was cancelled. Who was woken before the cancel stays woken.
//
// Mistakes: wake_last stale_rival
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/wait_queue.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"

using eddy::CancelScope;
using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr std::size_t queue_count = 3;
constexpr std::size_t job_count = 6;
constexpr std::size_t cancelled = 99;

class Model;

/// One wait in one queue.
class Turn final : public eddy::QueuedWaiter {
public:
    Turn(Model& model, std::size_t job, std::size_t number, std::size_t queue) noexcept
        : model_(model), job_(job), number_(number), queue_(queue) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start();
    [[nodiscard]] std::size_t take() const noexcept { return number_; }
    [[nodiscard]] const char* what() const noexcept override { return "Turn"; }

    [[nodiscard]] std::size_t job() const noexcept { return job_; }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }
    [[nodiscard]] std::size_t queue() const noexcept { return queue_; }

private:
    Model& model_;
    std::size_t job_;
    std::size_t number_;
    std::size_t queue_;
};

class Model final {
public:
    explicit Model(Bytes& input) noexcept : input_(input) {}

    Task<> all() {
        co_await eddy::with_task_group([this](eddy::TaskGroup& group) -> Task<> {
            for (std::size_t job = 0; job < job_count; ++job) {
                group.spawn(waits(job));
            }
            co_await eddy::testing::settle();
            while (!input_.empty()) {
                step();
                compare();
                if (input_.flag()) {
                    co_await settled();
                }
            }
            over_ = true;
            for (std::size_t job = 0; job < job_count; ++job) {
                cancel(job);
            }
            co_await settled();
        });
        for (const auto& list : expected_) {
            FUZZ_REQUIRE(list.empty());
        }
    }

    void started(Turn& turn) {
        if (turn.number() % 2 == 0) {
            queues_[turn.queue()].push_back(turn);
            expected_[turn.queue()].push_back(&turn);
        } else {
            queues_[turn.queue()].push_front(turn);
            expected_[turn.queue()].push_front(&turn);
        }
    }

private:
    struct Job {
        CancelScope* scope = nullptr;
        std::optional<std::size_t> expected;  // what it has to hear of
    };

    /// Waits again and again, for one turn or for the first of some.
    Task<> waits(std::size_t number) {
        Job& job = jobs_[number];
        while (!over_) {
            Turn first(*this, number, 0, queue());
            Turn second(*this, number, 1, queue());
            Turn third(*this, number, 2, queue());
            CancelScope scope;
            job.scope = &scope;
            std::size_t heard = cancelled;
            switch (input_.take_u8() % 3) {
                case 0: {
                    const auto one = co_await eddy::with_scope(scope, first);
                    heard = one ? *one : cancelled;
                    break;
                }
                case 1: {
                    const auto one = co_await eddy::with_scope(scope, eddy::select(first, second));
                    heard = one ? one->index() : cancelled;
                    break;
                }
                default: {
                    const auto one =
                        co_await eddy::with_scope(scope, eddy::select(first, second, third));
                    heard = one ? one->index() : cancelled;
                }
            }
            job.scope = nullptr;
            FUZZ_REQUIRE(job.expected && *job.expected == heard);
            job.expected.reset();
        }
    }

    [[nodiscard]] std::size_t queue() noexcept { return input_.pick_index(queue_count); }

    void step() {
        const std::size_t which = queue();
        eddy::WaitQueue& chosen = queues_[which];
        std::list<Turn*>& list = expected_[which];
        switch (input_.take_u8() % 8) {
            case 0:
            case 1:
            case 2: {
                const bool any = !list.empty();
                woken(planted("wake_last") && any ? list.back() : any ? list.front() : nullptr);
                FUZZ_REQUIRE(chosen.wake_one() == any);
                break;
            }
            case 3: {
                std::size_t count = 0;
                for (; !list.empty(); ++count) {
                    woken(list.front());
                }
                FUZZ_REQUIRE(chosen.wake_all() == count);
                break;
            }
            case 4:
            case 5:
                cancel(input_.pick_index(job_count));
                break;
            default: {
                eddy::QueuedWaiter* const taken = chosen.pop_front();
                FUZZ_REQUIRE(taken == (list.empty() ? nullptr : list.front()));
                if (taken == nullptr) {
                    break;
                }
                Turn* const turn = list.front();
                list.pop_front();
                const std::size_t other = queue();
                if (input_.flag()) {
                    queues_[other].push_back(*taken);
                    expected_[other].push_back(turn);
                } else {
                    queues_[other].push_front(*taken);
                    expected_[other].push_front(turn);
                }
            }
        }
    }

    /// The job of this turn waits nowhere any more.
    void woken(const Turn* turn) {
        if (turn != nullptr) {
            jobs_[turn->job()].expected = turn->number();
            leaves(turn->job(), planted("stale_rival") ? turn : nullptr);
        }
    }
    void leaves(std::size_t job, const Turn* only) {
        for (auto& list : expected_) {
            std::erase_if(list, [&](const Turn* one) {
                return one->job() == job && (only == nullptr || one == only);
            });
        }
    }
    void cancel(std::size_t number) {
        Job& job = jobs_[number];
        if (job.scope == nullptr) {
            return;  // not waiting again yet
        }
        if (!job.expected) {
            job.expected = cancelled;
            leaves(number, nullptr);
        }
        job.scope->cancel();
    }

    Task<> settled() {
        co_await eddy::testing::settle();
        for (const Job& job : jobs_) {
            FUZZ_REQUIRE(!job.expected);
        }
        compare();
    }

    void compare() const {
        for (std::size_t i = 0; i < queue_count; ++i) {
            FUZZ_REQUIRE(queues_[i].size() == expected_[i].size());
            FUZZ_REQUIRE(queues_[i].empty() == expected_[i].empty());
            FUZZ_REQUIRE(queues_[i].front() ==
                         (expected_[i].empty() ? nullptr : expected_[i].front()));
        }
    }

    Bytes& input_;
    std::array<eddy::WaitQueue, queue_count> queues_;
    std::array<std::list<Turn*>, queue_count> expected_;
    std::array<Job, job_count> jobs_;
    bool over_ = false;
};

void Turn::start() { model_.started(*this); }

Task<> play(Bytes& input) {
    Model model(input);
    co_await model.all();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(play(input), {}, {.clock = &clock});
    return 0;
}
