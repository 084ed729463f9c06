// SPDX-License-Identifier: MIT
// Random programs on a OnceCell, beside a model that is a list of callers and at most one value.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/future.hpp>
#include <eddy/once_cell.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::OnceCell;
using eddy::Promise;
using eddy::Task;

/// The promise of how the try under way will end, and how many there have been.
struct Tries {
    std::optional<Promise<int>> end;
    std::size_t begun = 0;
};

Task<int> make(Tries& tries) {
    ++tries.begun;
    tries.end.emplace();
    const auto end = tries.end->future();
    co_return co_await end;
}

Task<std::string> ask(OnceCell<int>& cell, Tries& tries) {
    std::string failure;
    try {
        const int& value = co_await cell.get_or_init(make, std::ref(tries));
        co_return std::to_string(value);
    } catch (const std::runtime_error& error) {
        failure = error.what();
    }
    co_return failure;
}

class OnceCellProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    Task<> step() override {
        const auto calls = pick(0, 3);
        for (std::int64_t i = 0; i < calls; ++i) {
            const int job = start(ask(*cell_, tries_));
            if (!value_.empty()) {
                expect(job, value_);
            } else {
                begun_ += flying_ ? 0 : 1;
                flying_ = true;
                callers_.push_back(job);
            }
            co_await eddy::testing::settle();
        }
        const auto operations = pick(0, 3);
        std::string result;
        for (std::int64_t i = 0; i < operations; ++i) {
            if (one_in(3)) {
                cancel_one();
            } else if (flying_ && result.empty() && !callers_.empty() && one_in(3)) {
                result = end_it();
            } else {
                set();
            }
        }
        land(result);
        co_await check();
        if (!value_.empty() && one_in(2)) {  // another one, so that a program is not over soon
            cell_ = std::make_unique<OnceCell<int>>();
            value_.clear();
        }
    }

    void cancel_one() {
        if (callers_.size() > 1) {  // the last one reads the failure
            const std::size_t index = pick_index(callers_.size());
            cancel(callers_[index]);
            expect(callers_[index], "cancelled");
            callers_.erase(callers_.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }

    [[nodiscard]] std::string end_it() {
        const int number = static_cast<int>(++ends_);
        if (one_in(2)) {
            const std::string error = "failed " + std::to_string(number);
            tries_.end->set_exception(std::make_exception_ptr(std::runtime_error(error)));
            return error;
        }
        tries_.end->set_value(number);
        return std::to_string(number);
    }

    void set() {
        if (!one_in(8)) {
            return;
        }
        if (flying_ || !value_.empty()) {
            CHECK_THROWS_AS(cell_->set(0), eddy::InvalidState);
        } else {
            cell_->set(-1);
            value_ = "-1";
        }
    }

    /// The job of the try lands it when it runs, so after whoever was cancelled.
    void land(const std::string& result) {
        if (result.empty()) {
            return;
        }
        for (const int caller : callers_) {
            expect(caller, result);
        }
        callers_.clear();
        flying_ = false;
        if (result.find("failed") == std::string::npos) {
            value_ = result;
        }
    }

    void compare() override {
        const eddy::OnceCellStatistics seen = cell_->statistics();
        CHECK(seen.initialising == flying_);
        CHECK(seen.set == !value_.empty());
        CHECK(seen.waiters == callers_.size());
        CHECK(tries_.begun == begun_);
        CHECK((cell_->try_get() != nullptr) == seen.set);
    }

    Task<> finish() override {
        if (flying_) {
            land(end_it());
        }
        co_return;
    }

    std::unique_ptr<OnceCell<int>> cell_ = std::make_unique<OnceCell<int>>();
    Tries tries_;
    std::string value_;
    bool flying_ = false;
    std::vector<int> callers_;
    std::size_t begun_ = 0;
    std::size_t ends_ = 0;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a once cell what they do to its model", OnceCellProgram)
