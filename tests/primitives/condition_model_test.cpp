// SPDX-License-Identifier: MIT
// Random programs on a Condition and its Lock, beside a model that is an owner and two queues.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/condition.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/lock.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/model_test.hpp>

namespace {

using eddy::LockGuard;
using eddy::Task;

constexpr int nobody = -1;
constexpr int the_program = -2;

/// takes: only the lock. The others wait for one notification too: by the operation itself, by a
/// predicate that is false once, by a select over something that never happens.
enum class Kind { takes, waits, waits_for_predicate, selects };

/// What a job will do when it runs again, or why it does not.
enum class Stage { fresh, acquiring, refused, waiting, returning, throwing };

struct Actor {
    Kind kind = Kind::takes;
    Stage stage = Stage::fresh;
    bool cancelled = false;
};

class ConditionProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;
    ~ConditionProgram() override { held_.reset(); }

private:
    // --- what the jobs do --------------------------------------------------------------------

    Task<std::string> act(Kind kind) {
        auto guard = co_await lock_.acquire();
        std::string how = "has it";
        if (kind == Kind::waits) {
            co_await changed_.wait(guard);
            how = "waited";
        } else if (kind == Kind::waits_for_predicate) {
            int calls = 0;
            co_await changed_.wait(guard, [&calls] { return ++calls == 2; });
            how = "waited";
        } else if (kind == Kind::selects) {
            const auto got = co_await eddy::select(never_.wait(), changed_.wait(guard));
            how = got.index() == 1 ? "waited" : "woken by nothing";
        }
        if (!guard.holds(lock_) || held_) {
            co_return "without the lock";
        }
        held_.emplace(std::move(guard));
        co_return how;
    }

    // --- the model ---------------------------------------------------------------------------

    void enqueue(int job) {
        if (owner_ == nobody) {
            owner_ = job;
            ready_.push_back(job);
        } else {
            lock_queue_.push_back(job);
        }
    }

    /// A wait with a predicate looks before its job is ready: when what is ready already has run.
    void granted(int job) {
        const Actor& actor = actors_[job];
        const bool looks =
            actor.kind == Kind::waits_for_predicate && actor.stage != Stage::acquiring;
        (looks ? looking_ : ready_).push_back(job);
    }

    void hand_over() {
        owner_ = nobody;
        if (!lock_queue_.empty()) {
            owner_ = lock_queue_.front();
            lock_queue_.pop_front();
            granted(owner_);
        }
    }

    /// The job has the lock and goes on.
    void acquired(int job) {
        Actor& actor = actors_[job];
        if (actor.kind == Kind::takes) {
            expect(job, "has it");
        } else if (actor.cancelled) {
            expect(job, "cancelled");  // before it let the lock go
            hand_over();
        } else {
            actor.stage = Stage::waiting;
            waiting_.push_back(job);
            hand_over();
        }
    }

    /// What happens when all settles: who was woken goes before who was just spawned.
    void run_ready() {
        while (!ready_.empty() || !spawned_.empty() || !looking_.empty()) {
            if (ready_.empty() && spawned_.empty()) {
                ready_.swap(looking_);
            }
            std::deque<int>& line = ready_.empty() ? spawned_ : ready_;
            const int job = line.front();
            line.pop_front();
            Actor& actor = actors_[job];
            if (actor.stage == Stage::refused || (actor.stage == Stage::fresh && actor.cancelled)) {
                expect(job, "cancelled");
            } else if (actor.stage == Stage::fresh) {
                actor.stage = Stage::acquiring;
                if (owner_ == nobody) {
                    owner_ = job;
                    acquired(job);
                } else {
                    lock_queue_.push_back(job);
                }
            } else if (actor.stage == Stage::acquiring) {
                acquired(job);
            } else if (actor.stage == Stage::returning) {
                expect(job, "waited");
            } else {
                expect(job, "cancelled");
                hand_over();
            }
        }
    }

    // --- what the program does -----------------------------------------------------------------

    void release() {
        if (held_) {
            held_.reset();
            hand_over();
        }
    }

    void try_it() {
        if (owner_ == the_program) {
            return;
        }
        auto guard = lock_.try_acquire();
        require(guard.has_value() == (owner_ == nobody), "try_acquire");
        if (guard) {
            held_.emplace(std::move(*guard));
            owner_ = the_program;
        }
    }

    void notify() {
        if (held_ && owner_ != the_program && one_in(2)) {
            held_->adopt();
            owner_ = the_program;
        }
        const std::size_t count = one_in(3) ? 100 : static_cast<std::size_t>(pick(0, 2));
        bool refused = false;
        try {
            count == 100 ? changed_.notify_all() : changed_.notify(count);
        } catch (const eddy::InvalidState&) {
            refused = true;
        }
        require(refused == (owner_ != the_program), "refusal to notify");
        for (std::size_t i = 0; !refused && i < count && !waiting_.empty(); ++i) {
            const int job = waiting_.front();
            waiting_.pop_front();
            actors_[job].stage = Stage::returning;
            enqueue(job);
        }
    }

    void cancel_somebody() {
        const auto place = pick(0, 2);
        int victim = nobody;
        if (place == 0 && !lock_queue_.empty()) {
            victim = lock_queue_[pick_index(lock_queue_.size())];
        } else if (place == 1 && !waiting_.empty()) {
            victim = waiting_[pick_index(waiting_.size())];
        } else if (owner_ >= 0) {
            victim = owner_;  // granted, run or not, or gone
        }
        if (victim == nobody) {
            return;
        }
        cancel(victim);
        Actor& actor = actors_[victim];
        const bool again = std::exchange(actor.cancelled, true);
        if (actor.stage == Stage::waiting) {
            std::erase(waiting_, victim);
            actor.stage = Stage::throwing;
            enqueue(victim);
        } else if (!again && std::erase(looking_, victim) != 0) {
            ready_.push_back(victim);  // it looks at once
        } else if (actor.stage == Stage::acquiring && victim != owner_) {
            std::erase(lock_queue_, victim);
            actor.stage = Stage::refused;
            ready_.push_back(victim);
        }
    }

    void newcomer() {
        const Kind kind = static_cast<Kind>(pick(0, 3));
        const int job = start(act(kind));
        actors_[job] = Actor{.kind = kind};
        spawned_.push_back(job);
        if (one_in(10)) {
            cancel(job);
            actors_[job].cancelled = true;
        }
    }

    Task<> step() override {
        for (auto count = pick(0, 5); count > 0; --count) {
            switch (pick(0, 4)) {
                case 0:
                    release();
                    break;
                case 1:
                    try_it();
                    break;
                case 2:
                case 3:
                    notify();
                    break;
                default:
                    cancel_somebody();
            }
            compare();  // at once: nobody has run
        }
        if (one_in(2)) {
            newcomer();
        }
        if (one_in(3)) {
            release();
        }
        run_ready();
        co_return;
    }

    Task<> finish() override {
        while (owner_ != nobody || !waiting_.empty()) {
            release();
            run_ready();
            co_await check();
            if (owner_ == nobody) {
                try_it();
                notify();
                release();
                run_ready();
                co_await check();
            }
        }
    }

    void compare() override {
        const eddy::ConditionStatistics now = changed_.statistics();
        require(now.waiters == waiting_.size(), "waiters of the condition");
        require(now.lock.waiters == lock_queue_.size(), "waiters of the lock");
        require(now.lock.locked == (owner_ != nobody), "locked");
    }

    static void require(bool right, const char* what) {
        if (!right) {
            throw eddy::InvalidState(std::string("not as in the model: ") + what);
        }
    }

    eddy::Lock lock_;
    eddy::Condition changed_{lock_};
    eddy::Event never_;
    std::optional<LockGuard> held_;  // of a job that has ended, or the program's own

    int owner_ = nobody;
    std::deque<int> lock_queue_;
    std::deque<int> waiting_;
    std::deque<int> ready_;
    std::deque<int> looking_;
    std::deque<int> spawned_;
    std::map<int, Actor> actors_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a condition what they do to its model", ConditionProgram)
