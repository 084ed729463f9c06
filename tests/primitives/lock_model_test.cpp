// SPDX-License-Identifier: MIT
// Random programs on a Lock and a KeyedLock, beside models that are an owner and a queue.
#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/keyed_lock.hpp>
#include <eddy/lock.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/model_test.hpp>

namespace {

using eddy::Task;
using eddy::testing::ModelProgram;

constexpr int nobody = -1;
constexpr int the_program = -2;

/// What a lock is: who has it, and who waits, in order.
struct Model {
    int owner = nobody;
    std::deque<int> queue;

    void pass() {
        owner = nobody;
        if (!queue.empty()) {
            owner = queue.front();
            queue.pop_front();
        }
    }
};

/// `count` locks, of one kind or the other, as seen by a program. Jobs take one of them and leave
/// the guard with the program, which releases it: so a release can meet anything in one step.
template <class Guard>
class LocksProgram : public ModelProgram {
public:
    LocksProgram(std::uint64_t seed, bool in_order, std::size_t count)
        : ModelProgram(seed, in_order), models_(count), held_(count) {}

protected:
    /// Waits for it and gives the guard to `keep`; what it returns is how the job ends.
    virtual Task<std::string> acquire(std::size_t which, bool twice, int& job) = 0;
    virtual std::optional<Guard> try_acquire(std::size_t which) = 0;
    virtual eddy::LockStatistics statistics(std::size_t which) const = 0;

    std::string keep(std::size_t which, Guard guard, int job) {
        held_[which].guard.emplace(std::move(guard));
        return "has " + std::to_string(which) + " " + std::to_string(job);
    }

    Task<> step() override {
        for (auto count = pick(0, 4); count > 0; --count) {
            disturb();
        }
        // A newcomer runs when all settles. One at most: under a random schedule two come in any
        // order. What is released after it was spawned is released before it runs.
        if (one_in(2)) {
            const std::size_t which = pick_index(models_.size());
            const int job = come(which);
            const bool cancelled = one_in(10);
            if (!cancelled && one_in(3)) {
                release(which);
            }
            arrive(which, job, cancelled);
        }
        co_return;
    }

    Task<> finish() override {
        for (std::size_t i = 0; i < models_.size(); ++i) {
            while (models_[i].owner != nobody) {
                release(i);
                co_await check();
            }
        }
    }

    void compare() override {
        for (std::size_t i = 0; i < models_.size(); ++i) {
            const eddy::LockStatistics now = statistics(i);
            expect_equal(now.locked, models_[i].owner != nobody, "locked");
            expect_equal(now.waiters, places(models_[i]), "waiters");
            if (models_[i].owner >= 0) {
                expect_equal(now.owner, ids_[models_[i].owner], "owner");
            }
        }
    }

    /// In the destructor of a program, so that one that failed does not abort.
    void drop_guards() { held_.clear(); }

    std::map<int, eddy::JobId> ids_;  // of those that had it once

private:
    struct Held {
        std::optional<Guard> guard;
    };

    template <class T>
    static void expect_equal(const T& is, const T& should_be, const char* what) {
        if (is != should_be) {
            throw eddy::InvalidState(std::string(what) + " is " + std::to_string(is) + ", not " +
                                     std::to_string(should_be));
        }
    }

    std::size_t places(const Model& model) const {
        std::size_t all = 0;
        for (const int job : model.queue) {
            all += twice_.at(job) ? 2U : 1U;  // in a select over the same lock
        }
        return all;
    }

    int come(std::size_t which) {
        const bool twice = one_in(4);
        jobs_.push_back(0);
        int& number = jobs_.back();
        number = start(acquire(which, twice, number));
        twice_[number] = twice;
        return number;
    }

    void arrive(std::size_t which, int job, bool cancelled) {
        if (cancelled) {
            cancel(job);
            expect(job, "cancelled");
            return;
        }
        Model& model = models_[which];
        model.queue.push_back(job);
        if (model.owner == nobody) {
            grant_next(which);
        }
    }

    void grant_next(std::size_t which) {
        Model& model = models_[which];
        model.pass();
        if (model.owner != nobody) {
            expect(model.owner, "has " + std::to_string(which) + " " + std::to_string(model.owner));
        }
    }

    void release(std::size_t which) {
        if (models_[which].owner == nobody || !held_[which].guard) {
            return;  // or its owner has not run yet
        }
        held_[which].guard.reset();
        grant_next(which);
    }

    void disturb() {
        const std::size_t which = pick_index(models_.size());
        switch (pick(0, 3)) {
            case 0:
            case 1:
                release(which);
                break;
            case 2:
                cancel_somebody(which);
                break;
            default:
                try_it(which);
        }
        const eddy::LockStatistics now = statistics(which);  // at once, nobody has run
        expect_equal(now.locked, models_[which].owner != nobody, "locked at once");
        expect_equal(now.waiters, places(models_[which]), "waiters at once");
    }

    void cancel_somebody(std::size_t which) {
        Model& model = models_[which];
        if (model.owner >= 0 && one_in(4)) {
            cancel(model.owner);  // too late
        } else if (!model.queue.empty()) {
            const std::size_t index = one_in(2) ? 0 : pick_index(model.queue.size());
            const auto victim = model.queue.begin() + static_cast<std::ptrdiff_t>(index);
            cancel(*victim);
            expect(*victim, "cancelled");
            model.queue.erase(victim);
        }
    }

    void try_it(std::size_t which) {
        Model& model = models_[which];
        if (model.owner == the_program) {
            return;  // would be an error: it is the owner
        }
        auto guard = try_acquire(which);
        expect_equal(guard.has_value(), model.owner == nobody, "try_acquire");
        if (guard && one_in(2)) {
            held_[which].guard.emplace(std::move(*guard));
            model.owner = the_program;
        }
    }

    std::vector<Model> models_;
    std::vector<Held> held_;
    std::deque<int> jobs_;  // stays in place: bodies look at their number
    std::map<int, bool> twice_;
};

class LockProgram final : public LocksProgram<eddy::LockGuard> {
public:
    LockProgram(std::uint64_t seed, bool in_order) : LocksProgram(seed, in_order, 1) {}
    ~LockProgram() override { drop_guards(); }

private:
    Task<std::string> acquire(std::size_t which, bool twice, int& job) override {
        if (twice) {
            auto got = co_await eddy::select(lock_.acquire(), lock_.acquire());
            auto& guard = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
            ids_[job] = lock_.statistics().owner;
            co_return keep(which, std::move(guard), job);
        }
        auto guard = co_await lock_.acquire();
        ids_[job] = lock_.statistics().owner;
        co_return keep(which, std::move(guard), job);
    }
    std::optional<eddy::LockGuard> try_acquire(std::size_t) override { return lock_.try_acquire(); }
    eddy::LockStatistics statistics(std::size_t) const override { return lock_.statistics(); }

    eddy::Lock lock_;
};

class KeyedLockProgram final : public LocksProgram<eddy::KeyedLock<std::string>::Guard> {
public:
    KeyedLockProgram(std::uint64_t seed, bool in_order) : LocksProgram(seed, in_order, 3) {}
    ~KeyedLockProgram() override { drop_guards(); }

private:
    using Locks = eddy::KeyedLock<std::string>;

    Task<std::string> acquire(std::size_t which, bool twice, int& job) override {
        if (twice) {
            auto got =
                co_await eddy::select(locks_.acquire(keys_[which]), locks_.acquire(keys_[which]));
            auto& guard = got.index() == 0 ? std::get<0>(got) : std::get<1>(got);
            ids_[job] = locks_.statistics(keys_[which]).owner;
            co_return keep(which, std::move(guard), job);
        }
        auto guard = co_await locks_.acquire(keys_[which]);
        ids_[job] = locks_.statistics(keys_[which]).owner;
        co_return keep(which, std::move(guard), job);
    }
    std::optional<Locks::Guard> try_acquire(std::size_t which) override {
        return locks_.try_acquire(keys_[which]);
    }
    eddy::LockStatistics statistics(std::size_t which) const override {
        return locks_.statistics(keys_[which]);
    }
    void compare() override {
        LocksProgram::compare();
        std::size_t held = 0;
        for (std::size_t i = 0; i < keys_.size(); ++i) {
            held += locks_.locked(keys_[i]) ? 1U : 0U;
        }
        if (locks_.statistics().keys != held) {
            throw eddy::InvalidState("an entry has not vanished");
        }
    }

    const std::array<std::string, 3> keys_{"one", "two", "three, which is longer than the others"};
    Locks locks_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a lock what they do to its model", LockProgram)
EDDY_MODEL_TEST("random programs do to a keyed lock what they do to its model", KeyedLockProgram)
