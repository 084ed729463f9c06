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

}  // namespace

EDDY_MODEL_TEST("random programs do to a broadcast what they do to its model", BroadcastProgram)
