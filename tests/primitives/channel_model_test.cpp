// SPDX-License-Identifier: MIT
// Random programs on a channel: handles that come and go, slots, sends and receives that are
// cancelled, beside plain lists of items and of those who wait.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/testing/model_test.hpp>

#include "exchange_kit.hpp"

namespace {

using eddy::Task;
using eddy::testing::ModelProgram;
using eddy::testing::Tracked;

using Sender = eddy::Sender<Tracked>;
using Receiver = eddy::Receiver<Tracked>;

template <class T>
void take_out(std::vector<T>& list, std::size_t index) {
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
}

class ChannelProgram final : public ModelProgram {
public:
    ChannelProgram(std::uint64_t seed, bool in_order)
        : ModelProgram(seed, in_order), capacity_(static_cast<std::size_t>(pick(0, 3))) {
        steps = 50;
        auto ends = eddy::open_channel<Tracked>(capacity_);
        senders_.push_back(std::make_unique<Sender>(std::move(ends.first)));
        receivers_.push_back(std::make_unique<Receiver>(std::move(ends.second)));
    }
    ~ChannelProgram() override = default;

protected:
    Task<> step() override {
        if (pick(0, 1) == 0) {
            begin_wait();
            co_return;  // it begins before anything else happens
        }
        for (std::int64_t i = pick(1, 4); i > 0; --i) {
            act();
        }
    }
    Task<> finish() override {
        for (std::size_t i = 0; i < senders_.size(); ++i) {
            close_sender(i);
        }
        for (std::size_t i = 0; i < receivers_.size(); ++i) {
            close_receiver(i);
        }
        while (slots_ != 0) {
            drop_slot();
        }
        co_return;
    }
    void compare() override {
        const eddy::ChannelStatistics now = senders_.front()->statistics();
        CHECK(now.buffered == items_.size());
        CHECK(now.reserved == slots_);
        CHECK(now.senders == open(senders_));
        CHECK(now.receivers == open(receivers_));
        CHECK(now.waiting_to_receive == takers_.size());
        CHECK(now.waiting_to_send == givers_.size());
        const auto sends = std::count_if(
            givers_.begin(), givers_.end(), [](const Giver& giver) { return giver.item != 0; });
        CHECK(static_cast<std::size_t>(Tracked::alive()) ==
              items_.size() + static_cast<std::size_t>(sends));
    }

private:
    struct Giver {
        int job;
        std::size_t handle;
        int item;  // 0: it wants a slot
    };
    struct Taker {
        int job;
        std::size_t handle;
    };

    Task<std::string> send(const Sender& sender, int number) {
        Tracked item(number);
        std::string how = "sent";
        try {
            co_await sender.send(std::move(item));
        } catch (const eddy::ClosedResource&) {
            how = "closed";
        } catch (const eddy::BrokenResource&) {
            how = "broken";
        }
        CHECK(item.number() == (how == "sent" ? -1 : number));
        co_return how;
    }
    Task<std::string> reserve(const Sender& sender) {
        try {
            held_.push_back(co_await sender.reserve());
        } catch (const eddy::ClosedResource&) {
            co_return "closed";
        } catch (const eddy::BrokenResource&) {
            co_return "broken";
        } catch (const eddy::InvalidState&) {
            co_return "rendezvous";
        }
        co_return "slot";
    }
    Task<std::string> receive(const Receiver& receiver) {
        try {
            const Tracked item = co_await receiver.receive();
            co_return std::to_string(item.number());
        } catch (const eddy::ClosedResource&) {
            co_return "closed";
        } catch (const eddy::EndOfStream&) {
            co_return "end";
        }
    }
    Task<std::string> next(const Receiver& receiver) {
        try {
            const std::optional<Tracked> item = co_await receiver.next();
            co_return item ? std::to_string(item->number()) : "end";
        } catch (const eddy::ClosedResource&) {
            co_return "closed";
        }
    }

    template <class H>
    static std::size_t open(const std::vector<std::unique_ptr<H>>& handles) {
        return static_cast<std::size_t>(
            std::count_if(handles.begin(), handles.end(), [](const auto& handle) {
                return !handle->is_closed();
            }));
    }
    bool has_room() const { return items_.size() + slots_ < capacity_; }
    bool ended() const { return open(senders_) == 0 && slots_ == 0; }
    /// Why nothing can be sent through it, or nothing.
    std::string why_not(std::size_t sender) const {
        if (senders_[sender]->is_closed()) {
            return "closed";
        }
        return open(receivers_) == 0 ? "broken" : "";
    }

    void begin_wait() {
        const std::int64_t what = pick(0, 9);
        if (what < 4) {
            begin_send(pick_index(senders_.size()));
        } else if (what < 6) {
            begin_reserve(pick_index(senders_.size()));
        } else {
            begin_receive(pick_index(receivers_.size()));
        }
    }
    void begin_send(std::size_t handle) {
        const int number = ++number_;
        const int job = start(send(*senders_[handle], number));
        const std::string why = why_not(handle);
        if (!why.empty()) {
            expect(job, why);
        } else if (!takers_.empty() || has_room()) {
            expect(job, "sent");
            came_in(number);
        } else {
            givers_.push_back({job, handle, number});
        }
    }
    void begin_reserve(std::size_t handle) {
        const int job = start(reserve(*senders_[handle]));
        const std::string why = why_not(handle);
        if (!why.empty()) {
            expect(job, why);
        } else if (capacity_ == 0) {
            expect(job, "rendezvous");
        } else if (has_room()) {
            expect(job, "slot");
            ++slots_;
        } else {
            givers_.push_back({job, handle, 0});
        }
    }
    void begin_receive(std::size_t handle) {
        const int job =
            start(pick(0, 1) == 0 ? receive(*receivers_[handle]) : next(*receivers_[handle]));
        if (receivers_[handle]->is_closed()) {
            expect(job, "closed");
        } else if (!items_.empty()) {
            expect(job, std::to_string(items_.front()));
            take_out(items_, 0);
            refill();
        } else if (const std::size_t giver = first_with_item(); giver != givers_.size()) {
            expect(job, std::to_string(givers_[giver].item));
            expect(givers_[giver].job, "sent");
            take_out(givers_, giver);
        } else if (ended()) {
            expect(job, "end");
        } else {
            takers_.push_back({job, handle});
        }
    }

    void act() {
        const std::int64_t what = pick(0, 99);
        if (what < 22) {
            try_send(pick_index(senders_.size()));
        } else if (what < 44) {
            try_receive(pick_index(receivers_.size()));
        } else if (what < 64) {
            cancel_one();
        } else if (what < 70) {
            try_reserve(pick_index(senders_.size()));
        } else if (what < 82) {
            use_slot();
        } else if (what < 88) {
            senders_.push_back(std::make_unique<Sender>(*senders_[pick_index(senders_.size())]));
        } else if (what < 93) {
            receivers_.push_back(
                std::make_unique<Receiver>(*receivers_[pick_index(receivers_.size())]));
        } else if (what < 97) {
            close_sender(pick_index(senders_.size()));
        } else {
            close_receiver(pick_index(receivers_.size()));
        }
    }
    void try_send(std::size_t handle) {
        const int number = ++number_;
        Tracked item(number);
        std::string how;
        try {
            how = senders_[handle]->try_send(std::move(item)) ? "sent" : "";
        } catch (const eddy::ClosedResource&) {
            how = "closed";
        } catch (const eddy::BrokenResource&) {
            how = "broken";
        }
        std::string expected = why_not(handle);
        if (expected.empty() && (!takers_.empty() || has_room())) {
            expected = "sent";
            came_in(number);
        }
        CHECK(how == expected);
        CHECK(item.number() == (how == "sent" ? -1 : number));
    }
    void try_receive(std::size_t handle) {
        if (receivers_[handle]->is_closed()) {
            CHECK_THROWS_AS(static_cast<void>(receivers_[handle]->try_receive()),
                            eddy::ClosedResource);
            return;
        }
        const std::optional<Tracked> item = receivers_[handle]->try_receive();
        const int got = item ? item->number() : 0;
        if (!items_.empty()) {
            CHECK(got == items_.front());
            take_out(items_, 0);
            refill();
        } else if (const std::size_t giver = first_with_item(); giver != givers_.size()) {
            CHECK(got == givers_[giver].item);
            expect(givers_[giver].job, "sent");
            take_out(givers_, giver);
        } else {
            CHECK(got == 0);
        }
    }
    void try_reserve(std::size_t handle) {
        if (!why_not(handle).empty() || capacity_ == 0) {
            return;
        }
        auto slot = senders_[handle]->try_reserve();
        CHECK(slot.has_value() == has_room());
        if (slot) {
            ++slots_;
            held_.push_back(std::move(*slot));
        }
    }
    /// One of those that jobs have brought, or this one got itself: each is as good as another.
    void use_slot() {
        if (held_.empty()) {
            return;
        }
        if (pick(0, 2) == 0 || open(receivers_) == 0) {
            drop_slot();
            return;
        }
        const int number = ++number_;
        held_.back().send(Tracked(number));
        held_.pop_back();
        --slots_;
        came_in(number);
        settle_slots();
    }
    void drop_slot() {
        --slots_;
        if (!held_.empty()) {
            held_.pop_back();
        }
        settle_slots();
    }
    void settle_slots() {
        refill();
        end_if_over();
    }
    void cancel_one() {
        const std::size_t all = givers_.size() + takers_.size();
        if (all == 0) {
            return;
        }
        std::size_t index = pick_index(all);
        int job = 0;
        if (index < givers_.size()) {
            job = givers_[index].job;
            take_out(givers_, index);
        } else {
            index -= givers_.size();
            job = takers_[index].job;
            take_out(takers_, index);
        }
        cancel(job);
        expect(job, "cancelled");
    }
    template <class W>
    void end_waits(std::vector<W>& waits,
                   const std::string& how,
                   std::optional<std::size_t> through) {
        std::vector<W> left;
        for (const W& wait : waits) {
            if (!through || wait.handle == *through) {
                expect(wait.job, how);
            } else {
                left.push_back(wait);
            }
        }
        waits = left;
    }
    void close_sender(std::size_t handle) {
        if (!senders_[handle]->is_closed()) {
            senders_[handle]->close();
            end_waits(givers_, "closed", handle);
            end_if_over();
        }
    }
    void close_receiver(std::size_t handle) {
        if (!receivers_[handle]->is_closed()) {
            receivers_[handle]->close();
            end_waits(takers_, "closed", handle);
            if (open(receivers_) == 0) {
                end_waits(givers_, "broken", std::nullopt);
                items_.clear();
            }
        }
    }
    void end_if_over() {
        if (ended()) {
            end_waits(takers_, "end", std::nullopt);
        }
    }

    void came_in(int number) {
        if (takers_.empty()) {
            items_.push_back(number);
        } else {
            expect(takers_.front().job, std::to_string(number));
            take_out(takers_, 0);
        }
    }
    std::size_t first_with_item() const {
        return static_cast<std::size_t>(
            std::find_if(givers_.begin(),
                         givers_.end(),
                         [](const Giver& giver) { return giver.item != 0; }) -
            givers_.begin());
    }
    void refill() {
        while (!givers_.empty() && has_room()) {
            const Giver giver = givers_.front();
            take_out(givers_, 0);
            expect(giver.job, giver.item == 0 ? "slot" : "sent");
            if (giver.item == 0) {
                ++slots_;
            } else {
                came_in(giver.item);
            }
        }
    }

    std::size_t capacity_;
    std::vector<std::unique_ptr<Sender>> senders_;
    std::vector<std::unique_ptr<Receiver>> receivers_;
    std::vector<Sender::Slot> held_;
    int number_ = 0;
    std::vector<int> items_;
    std::size_t slots_ = 0;  // promised
    std::vector<Giver> givers_;
    std::vector<Taker> takers_;
};

}  // namespace

EDDY_MODEL_TEST("random programs do to a channel what they do to its model", ChannelProgram)
