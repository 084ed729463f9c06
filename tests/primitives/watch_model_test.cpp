// SPDX-License-Identifier: MIT
// Random programs on a watch, beside a number that goes up.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/watch.hpp>

namespace {

using eddy::Task;
using eddy::Watch;
using eddy::WatchReceiver;

Task<std::string> next(const WatchReceiver<int>& receiver) {
    try {
        const std::optional<int> value = co_await receiver.next();
        co_return value ? std::to_string(*value) : "end";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

Task<std::string> changed(const WatchReceiver<int>& receiver) {
    try {
        co_await receiver.changed();
        co_return std::to_string(receiver.value());
    } catch (const eddy::EndOfStream&) {
        co_return "end";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

/// A number that goes up, and up to where each receiver has seen it.
class WatchProgram final : public eddy::testing::ModelProgram {
public:
    WatchProgram(std::uint64_t seed, bool in_order) : ModelProgram(seed, in_order) { subscribe(); }
    ~WatchProgram() override = default;

protected:
    Task<> step() override {
        if (pick(0, 1) == 0) {
            begin_wait(pick_index(readers_.size()));
            co_return;
        }
        for (std::int64_t i = pick(1, 4); i > 0; --i) {
            act();
        }
        for (const Wait& wait : woken_) {  // sees the newest when it runs, after all of the step
            expect(wait.job, std::to_string(value_));
            readers_[wait.reader].seen = value_;
        }
        woken_.clear();
    }
    Task<> finish() override {
        watch_.close();
        for (const Wait& wait : waiting_) {
            expect(wait.job, "end");
        }
        waiting_.clear();
        co_return;
    }
    void compare() override {
        CHECK(watch_.value() == value_);
        CHECK(watch_.statistics().waiters == waiting_.size());
        CHECK(watch_.statistics().changes == static_cast<std::uint64_t>(value_));
        for (const Reader& reader : readers_) {
            CHECK(reader.handle->value() == value_);
            CHECK(reader.handle->has_changed() == (reader.seen != value_));
        }
    }

private:
    struct Reader {
        std::unique_ptr<WatchReceiver<int>> handle;
        int seen = 0;
    };

    struct Wait {
        int job;
        std::size_t reader;
    };

    void subscribe() {
        readers_.push_back({std::make_unique<WatchReceiver<int>>(watch_.subscribe()), value_});
    }
    void begin_wait(std::size_t index) {
        Reader& reader = readers_[index];
        const int job = start(pick(0, 1) == 0 ? next(*reader.handle) : changed(*reader.handle));
        if (reader.seen != value_) {
            expect(job, std::to_string(value_));
            reader.seen = value_;
        } else {
            waiting_.push_back({job, index});
        }
    }
    void act() {
        const std::int64_t what = pick(0, 9);
        if (what < 5) {
            watch_.set(++value_);
            woken_.insert(woken_.end(), waiting_.begin(), waiting_.end());
            waiting_.clear();
        } else if (what < 6) {
            subscribe();
        } else if (!waiting_.empty()) {
            const std::size_t index = pick_index(waiting_.size());
            cancel(waiting_[index].job);
            expect(waiting_[index].job, "cancelled");
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
        } else if (!woken_.empty()) {
            cancel(woken_[pick_index(woken_.size())].job);  // too late
        }
    }

    Watch<int> watch_{0};
    int value_ = 0;
    std::vector<Reader> readers_;
    std::vector<Wait> waiting_;
    std::vector<Wait> woken_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a watch what they do to its model", WatchProgram)
