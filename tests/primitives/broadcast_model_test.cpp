// SPDX-License-Identifier: MIT
// Random programs on a broadcast, beside a sequence and how far each receiver has come.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/broadcast.hpp>
#include <eddy/error.hpp>
#include <eddy/testing/model_test.hpp>

namespace {

using eddy::Broadcast;
using eddy::BroadcastReceiver;
using eddy::Task;

std::string seen(const std::optional<eddy::BroadcastItem<int>>& item) {
    if (!item) {
        return "end";
    }
    const std::string missed = item->missed == 0 ? "" : " after " + std::to_string(item->missed);
    return std::to_string(item->value) + missed;
}

Task<std::string> next(const BroadcastReceiver<int>& receiver) {
    try {
        const auto item = co_await receiver.next();
        co_return seen(item);
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    } catch (const eddy::BusyResource&) {
        co_return "busy";
    }
}

/// A sequence, and how far each receiver has come.
class BroadcastProgram final : public eddy::testing::ModelProgram {
public:
    BroadcastProgram(std::uint64_t seed, bool in_order)
        : ModelProgram(seed, in_order),
          kept_(pick(1, 4)),
          broadcast_(static_cast<std::size_t>(kept_)) {
        subscribe();
    }
    ~BroadcastProgram() override = default;

protected:
    Task<> step() override {
        if (pick(0, 1) == 0) {
            begin_wait(pick_index(readers_.size()));
            co_return;
        }
        for (std::int64_t i = pick(1, 4); i > 0; --i) {
            act();
        }
        for (const std::size_t index : woken_) {  // reads when it runs, after all of the step
            Reader& reader = readers_[index];
            expect(reader.job, read(reader));
            reader.job = -1;
        }
        woken_.clear();
    }
    Task<> finish() override {
        broadcast_.close();
        for (const std::size_t index : waiting_) {
            expect(readers_[index].job, "end");
        }
        waiting_.clear();
        co_return;
    }
    void compare() override {
        const eddy::BroadcastStatistics now = broadcast_.statistics();
        CHECK(now.sent == static_cast<std::uint64_t>(sent_));
        CHECK(now.kept == static_cast<std::size_t>(std::min(sent_, kept_)));
        CHECK(now.receivers == readers_.size());
        for (const Reader& reader : readers_) {
            CHECK(reader.handle->behind() == static_cast<std::uint64_t>(sent_ - reader.seen));
        }
    }

private:
    struct Reader {
        std::unique_ptr<BroadcastReceiver<int>> handle;
        std::int64_t seen = 0;
        int job = -1;  // that waits, or has been woken
    };

    void subscribe() {
        readers_.push_back(
            {std::make_unique<BroadcastReceiver<int>>(broadcast_.subscribe()), sent_});
    }
    /// Item number n is n.
    std::string read(Reader& reader) const {
        const std::int64_t number = std::max(reader.seen, sent_ - kept_);
        const std::int64_t missed = number - reader.seen;
        reader.seen = number + 1;
        return std::to_string(number) + (missed == 0 ? "" : " after " + std::to_string(missed));
    }
    void begin_wait(std::size_t index) {
        Reader& reader = readers_[index];
        const int job = start(next(*reader.handle));
        if (reader.job != -1) {
            expect(job, "busy");
        } else if (reader.seen != sent_) {
            expect(job, read(reader));
        } else {
            reader.job = job;
            waiting_.push_back(index);
        }
    }
    void act() {
        const std::int64_t what = pick(0, 9);
        if (what < 5) {
            CHECK(broadcast_.send(static_cast<int>(sent_++)) == readers_.size());
            woken_.insert(woken_.end(), waiting_.begin(), waiting_.end());
            waiting_.clear();
        } else if (what < 6) {
            subscribe();
        } else if (what < 8) {
            try_receive(readers_[pick_index(readers_.size())]);
        } else {
            cancel_one(pick_index(readers_.size()));
        }
    }
    void try_receive(Reader& reader) {
        if (reader.job != -1) {
            CHECK_THROWS_AS(static_cast<void>(reader.handle->try_receive()), eddy::BusyResource);
        } else {
            const std::string expected = reader.seen == sent_ ? "end" : read(reader);
            CHECK(seen(reader.handle->try_receive()) == expected);
        }
    }
    void cancel_one(std::size_t index) {
        Reader& reader = readers_[index];
        if (reader.job != -1) {
            cancel(reader.job);
            const auto place = std::find(waiting_.begin(), waiting_.end(), index);
            if (place != waiting_.end()) {  // otherwise it is woken, and reads all the same
                waiting_.erase(place);
                expect(reader.job, "cancelled");
                reader.job = -1;
            }
        }
    }

    std::int64_t kept_;
    Broadcast<int> broadcast_;
    std::int64_t sent_ = 0;
    std::vector<Reader> readers_;
    std::vector<std::size_t> waiting_;
    std::vector<std::size_t> woken_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a broadcast what they do to its model", BroadcastProgram)
