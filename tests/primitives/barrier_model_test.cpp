// SPDX-License-Identifier: MIT
// Random programs on a Barrier, beside a model that is a list of who has come.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/barrier.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/model_test.hpp>

namespace {

using eddy::Task;

class BarrierProgram final : public eddy::testing::ModelProgram {
public:
    BarrierProgram(std::uint64_t seed, bool in_order) : ModelProgram(seed, in_order) { steps = 60; }

private:
    Task<std::string> come(bool in_select) {
        try {
            if (in_select) {
                const auto got = co_await eddy::select(never_.wait(), barrier_.wait());
                co_return std::to_string(std::get<1>(got));
            }
            co_return std::to_string(co_await barrier_.wait());
        } catch (const eddy::BrokenBarrier&) {
        }
        co_return "broken";
    }

    void expect_all(const char* how) {
        for (std::size_t i = 0; i < here_.size(); ++i) {
            expect(here_[i], how != nullptr ? std::string(how) : std::to_string(i));
        }
        here_.clear();
    }

    void arrive(int job) {
        if (broken_) {
            expect(job, "broken");
            return;
        }
        here_.push_back(job);
        if (here_.size() == barrier_.parties()) {
            ++rounds_;
            // The last one goes on at once, before those whom it wakes.
            here_.pop_back();
            expect(job, std::to_string(here_.size()));
            expect_all(nullptr);
        }
    }

    void disturb() {
        const auto what = pick(0, 9);
        if (what == 0) {
            barrier_.reset();
            broken_ = false;
            expect_all("broken");
        } else if (what == 1) {
            barrier_.abort();
            broken_ = true;
            expect_all("broken");
        } else if (what < 5 && !here_.empty()) {
            const std::size_t index = pick_index(here_.size());
            cancel(here_[index]);
            expect(here_[index], "cancelled");
            here_.erase(here_.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }

    Task<> step() override {
        for (auto count = pick(0, 2); count > 0; --count) {
            disturb();
            compare();
        }
        if (here_.size() + 1 == barrier_.parties() && one_in(4) && !broken_) {
            const std::size_t index = co_await barrier_.wait();  // the program itself comes last
            if (index != barrier_.parties() - 1) {
                throw eddy::InvalidState("the last one got " + std::to_string(index));
            }
            ++rounds_;
            const std::vector<int> granted = here_;
            expect_all(nullptr);
            for (const int job : granted) {
                if (one_in(3)) {
                    cancel(job);  // too late
                }
            }
            if (one_in(3)) {
                barrier_.abort();  // too late as well
                broken_ = true;
            }
        }
        const int job = start(come(one_in(4)));
        if (one_in(10)) {
            cancel(job);
            expect(job, "cancelled");
        } else {
            arrive(job);
        }
    }

    Task<> finish() override {
        barrier_.reset();
        broken_ = false;
        expect_all("broken");
        co_return;
    }

    void compare() override {
        const eddy::BarrierStatistics now = barrier_.statistics();
        if (now.waiters != here_.size() || now.broken != broken_ || now.rounds != rounds_) {
            throw eddy::InvalidState(
                std::to_string(now.waiters) + " wait, not " + std::to_string(here_.size()) + "; " +
                std::to_string(now.rounds) + " rounds, not " + std::to_string(rounds_));
        }
    }

    eddy::Barrier barrier_{3};
    eddy::Event never_;
    std::vector<int> here_;
    bool broken_ = false;
    std::uint64_t rounds_ = 0;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a barrier what they do to its model", BarrierProgram)
