// SPDX-License-Identifier: MIT
// Random programs on an RwLock, beside a model that is a set of readers, a writer and a queue.
#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/rw_lock.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/model_test.hpp>

namespace {

using eddy::ReadGuard;
using eddy::Task;
using eddy::WriteGuard;

constexpr int nobody = -1;
constexpr int the_program = -2;

class RwLockProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;
    ~RwLockProgram() override {
        reads_.clear();
        write_.reset();
    }

private:
    struct Place {
        int job = 0;
        bool writes = false;
    };

    /// Leaves the guard with the program. `number` is set when the job is started.
    Task<std::string> read(const int& number, bool in_select) {
        if (in_select) {
            auto got = co_await eddy::select(never_.wait(), lock_.acquire_read());
            reads_.emplace(number, std::move(std::get<1>(got)));
        } else {
            reads_.emplace(number, co_await lock_.acquire_read());
        }
        co_return "reads";
    }
    Task<std::string> write(bool in_select) {
        if (in_select) {
            auto got = co_await eddy::select(never_.wait(), lock_.acquire_write());
            write_.emplace(std::move(std::get<1>(got)));
        } else {
            write_.emplace(co_await lock_.acquire_write());
        }
        co_return "writes";
    }

    // --- the model: who gets in ------------------------------------------------------------------

    void admit() {
        while (!queue_.empty()) {
            const Place next = queue_.front();
            if (writer_ != nobody || (next.writes && !readers_.empty())) {
                return;
            }
            queue_.pop_front();
            if (next.writes) {
                writer_ = next.job;
            } else {
                readers_.push_back(next.job);
            }
            expect(next.job, next.writes ? "writes" : "reads");
        }
    }

    // --- what the program does -----------------------------------------------------------------

    void end_read() {
        if (reads_.empty()) {
            return;  // or they have not run yet
        }
        const auto victim =
            std::next(reads_.begin(), static_cast<std::ptrdiff_t>(pick_index(reads_.size())));
        std::erase(readers_, victim->first);
        reads_.erase(victim);
        admit();
    }

    void end_write() {
        if (!write_) {
            return;
        }
        const int job = std::exchange(writer_, nobody);
        if (one_in(3)) {
            const int reader = job == the_program ? --extra_ : job;
            reads_.emplace(reader, std::move(*write_).downgrade());
            readers_.push_back(reader);
        }
        write_.reset();
        admit();
    }

    void try_it() {
        if (writer_ == the_program) {
            return;  // would be an error
        }
        if (one_in(2)) {
            auto guard = lock_.try_acquire_read();
            require(guard.has_value() == (writer_ == nobody && queue_.empty()), "try_acquire_read");
            if (guard && one_in(2)) {
                reads_.emplace(--extra_, std::move(*guard));
                readers_.push_back(extra_);
            }
        } else {
            auto guard = lock_.try_acquire_write();
            require(guard.has_value() == (writer_ == nobody && readers_.empty()),
                    "try_acquire_write");
            if (guard && one_in(2)) {
                write_.emplace(std::move(*guard));
                writer_ = the_program;
            }
        }
    }

    void cancel_somebody() {
        if (queue_.empty()) {
            return;
        }
        const std::size_t index = one_in(2) ? 0 : pick_index(queue_.size());
        const auto victim = queue_.begin() + static_cast<std::ptrdiff_t>(index);
        // First the place is left, which may let others in; then the victim is made ready.
        const int job = victim->job;
        queue_.erase(victim);
        admit();
        cancel(job);
        expect(job, "cancelled");
    }

    void newcomer() {
        const bool writes = one_in(3);
        const bool in_select = one_in(4);
        numbers_.push_back(0);
        int& number = numbers_.back();
        number = start(writes ? write(in_select) : read(number, in_select));
        if (one_in(10)) {
            cancel(number);
            expect(number, "cancelled");
            return;
        }
        if (!in_order()) {  // else whom that lets in may end after the newcomer
            end_write();
        }
        queue_.push_back({number, writes});
        admit();
    }

    Task<> step() override {
        for (auto count = pick(0, 5); count > 0; --count) {
            switch (pick(0, 4)) {
                case 0:
                    end_read();
                    break;
                case 1:
                    end_write();
                    break;
                case 2:
                    try_it();
                    break;
                default:
                    cancel_somebody();
            }
            compare();
        }
        if (!one_in(4)) {
            newcomer();
        }
        co_return;
    }

    Task<> finish() override {
        co_await check();
        while (writer_ != nobody || !readers_.empty()) {
            end_read();
            end_write();
            co_await check();
        }
    }

    void compare() override {
        const eddy::RwLockStatistics now = lock_.statistics();
        require(now.readers == readers_.size(), "readers");
        require(now.writing == (writer_ != nobody), "writing");
        require(now.waiters == queue_.size(), "waiters");
        require(
            now.waiting_writers ==
                static_cast<std::size_t>(std::count_if(
                    queue_.begin(), queue_.end(), [](const Place& place) { return place.writes; })),
            "waiting writers");
    }

    static void require(bool right, const char* what) {
        if (!right) {
            throw eddy::InvalidState(std::string("not as in the model: ") + what);
        }
    }

    eddy::RwLock lock_;
    eddy::Event never_;
    std::map<int, ReadGuard> reads_;  // of jobs that have ended, or the program's own
    std::optional<WriteGuard> write_;
    std::deque<int> numbers_;  // stay in place

    int writer_ = nobody;
    int extra_ = -2;  // readers that are the program's own have numbers below it
    std::vector<int> readers_;
    std::deque<Place> queue_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to an RwLock what they do to its model", RwLockProgram)
