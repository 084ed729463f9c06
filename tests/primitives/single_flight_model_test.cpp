// SPDX-License-Identifier: MIT
// Random programs on a SingleFlight, beside a model that is a map of flights with their callers.
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/future.hpp>
#include <eddy/single_flight.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>

namespace {

using eddy::Promise;
using eddy::Task;

using Flights = eddy::SingleFlight<int, std::string>;

/// Every flight that is begun leaves the promise of its end here.
using Runway = std::vector<std::unique_ptr<Promise<std::string>>>;

Task<std::string> fly(Runway& runway, int key, std::map<int, std::size_t>& begun) {
    runway.push_back(std::make_unique<Promise<std::string>>());
    begun[key] = runway.size() - 1;
    const auto end = runway.back()->future();
    co_return co_await end;
}

class SingleFlightProgram final : public eddy::testing::ModelProgram {
public:
    using ModelProgram::ModelProgram;

private:
    struct ModelFlight {
        std::size_t number = 0;  // on the runway
        std::vector<int> callers = {};
    };

    static Task<std::string> ask(Flights& flights,
                                 int key,
                                 Runway& runway,
                                 std::map<int, std::size_t>& begun) {
        std::string failure;
        try {
            co_return co_await flights.get(key, fly, std::ref(runway), key, std::ref(begun));
        } catch (const std::runtime_error& error) {
            failure = error.what();
        }
        co_return failure;
    }

    Task<> step() override {
        // Many calls, then ends and cancellations in the same turn.
        const auto calls = pick(0, 4);
        for (std::int64_t i = 0; i < calls; ++i) {
            const int key = static_cast<int>(pick(0, 3));
            const int job = start(ask(flights_, key, runway_, begun_));
            model_[key].callers.push_back(job);
            co_await eddy::testing::settle();
            model_[key].number = begun_.at(key);
        }
        const auto operations = pick(0, 3);
        for (std::int64_t i = 0; i < operations; ++i) {
            if (one_in(2)) {
                land_one();
            } else {
                cancel_one();
            }
        }
        expect_landings();
    }

    /// Who is cancelled ends before those for whom the job of a flight has to run first.
    void expect_landings() {
        for (const Landing& landing : landing_) {
            for (const int caller : landing.callers) {
                expect(caller, landing.result);
            }
        }
        landing_.clear();
    }

    void land_one() {
        if (model_.empty()) {
            return;
        }
        const auto flight =
            std::next(model_.begin(), static_cast<std::ptrdiff_t>(pick_index(model_.size())));
        const bool fails = one_in(3) && !flight->second.callers.empty();
        const std::string result = (fails ? "failed " : "") + std::to_string(++results_);
        if (fails) {
            runway_[flight->second.number]->set_exception(
                std::make_exception_ptr(std::runtime_error(result)));
        } else {
            runway_[flight->second.number]->set_value(result);
        }
        landing_.push_back({result, flight->second.callers});
        model_.erase(flight);
    }

    /// A caller of a flight that is up, or of one that is about to land: the job of the flight has
    /// to run first, so the cancellation comes in time.
    void cancel_one() {
        std::vector<std::vector<int>*> all;
        for (auto& [key, flight] : model_) {
            all.push_back(&flight.callers);
        }
        for (Landing& landing : landing_) {
            if (landing.callers.size() > 1) {  // not the last: a failure needs a reader
                all.push_back(&landing.callers);
            }
        }
        std::erase_if(all, [](const std::vector<int>* callers) { return callers->empty(); });
        if (all.empty()) {
            return;
        }
        std::vector<int>& callers = *all[pick_index(all.size())];
        const std::size_t index = pick_index(callers.size());
        cancel(callers[index]);
        expect(callers[index], "cancelled");
        callers.erase(callers.begin() + static_cast<std::ptrdiff_t>(index));
    }

    void compare() override {
        std::size_t waiters = 0;
        for (const auto& [key, flight] : model_) {
            waiters += flight.callers.size();
        }
        CHECK(flights_.statistics().flights == model_.size());
        CHECK(flights_.statistics().waiters == waiters);
        CHECK(flights_.statistics().started == runway_.size());
    }

    Task<> finish() override {
        while (!model_.empty()) {
            land_one();
        }
        expect_landings();
        co_return;
    }

    struct Landing {
        std::string result;
        std::vector<int> callers;
    };

    Flights flights_;
    Runway runway_;
    std::map<int, std::size_t> begun_;
    std::map<int, ModelFlight> model_;
    std::vector<Landing> landing_;
    int results_ = 0;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a single flight what they do to its model",
                SingleFlightProgram)
