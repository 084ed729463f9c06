// SPDX-License-Identifier: MIT
#include <eddy/oneshot.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/model_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "broken_contract.hpp"
#include "exchange_kit.hpp"
#include "heap_hooks.hpp"

namespace {

using eddy::Oneshot;
using eddy::OneshotReceiver;
using eddy::OneshotSender;
using eddy::Task;
using eddy::testing::refused_elsewhere;
using eddy::testing::settle;
using eddy::testing::thrown_by;
using eddy::testing::Tracked;

using Log = std::vector<std::string>;

Task<std::string> receive(const OneshotReceiver<Tracked>& receiver) {
    try {
        const Tracked value = co_await receiver.receive();
        co_return std::to_string(value.number());
    } catch (const eddy::BrokenResource&) {
        co_return "broken";
    } catch (const eddy::EndOfStream&) {
        co_return "end";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

Task<std::string> next(const OneshotReceiver<Tracked>& receiver) {
    try {
        const std::optional<Tracked> value = co_await receiver.next();
        co_return value ? std::to_string(value->number()) : "none";
    } catch (const eddy::ClosedResource&) {
        co_return "closed";
    }
}

Task<> notes(const OneshotReceiver<Tracked>& receiver, Log& log) {
    log.push_back(co_await receive(receiver));
}

/// One value, jobs that want it, and ends that go.
class OneshotProgram final : public eddy::testing::ModelProgram {
public:
    OneshotProgram(std::uint64_t seed, bool in_order) : ModelProgram(seed, in_order) {
        steps = 12;
        ends_.emplace();
        sender_.emplace(std::move(ends_->sender));
    }
    ~OneshotProgram() override = default;

protected:
    Task<> step() override {
        if (pick(0, 2) != 0) {
            begin_wait();
            co_return;
        }
        for (std::int64_t i = pick(1, 3); i > 0; --i) {
            act();
        }
    }
    Task<> finish() override {
        drop_sender();
        co_return;
    }
    void compare() override {
        const eddy::OneshotStatistics now = ends_->receiver.statistics();
        CHECK(now.available == available_);
        CHECK(now.wanted == !refused_);
        CHECK(now.sender == sender_.has_value());
        CHECK(now.waiters == waiting_.size());
        CHECK(Tracked::alive() == (available_ ? 1 : 0));
    }

private:
    struct Wait {
        int job;
        bool is_next;
    };

    std::string why_none(bool is_next) const {
        if (refused_) {
            return "closed";
        }
        return is_next ? "none" : sent_ ? "end" : "broken";
    }
    void begin_wait() {
        const bool is_next = pick(0, 1) == 0;
        const int job = start(is_next ? next(ends_->receiver) : receive(ends_->receiver));
        if (available_) {
            expect(job, "7");
            available_ = false;
        } else if (!sender_ || refused_) {
            expect(job, why_none(is_next));
        } else {
            waiting_.push_back({job, is_next});
        }
    }
    void act() {
        const std::int64_t what = pick(0, 9);
        if (what < 2) {
            send();
        } else if (what < 3) {
            drop_sender();
        } else if (what < 4) {
            ends_->receiver.close();
            refused_ = true;
            end_waits();
        } else if (what < 6) {
            const std::optional<Tracked> value = ends_->receiver.try_receive();
            CHECK(value.has_value() == available_);
            available_ = false;
        } else if (!waiting_.empty()) {
            const std::size_t index = pick_index(waiting_.size());
            cancel(waiting_[index].job);
            expect(waiting_[index].job, "cancelled");
            waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }
    void send() {
        if (!sender_) {
            return;
        }
        CHECK(sender_->is_wanted() == !refused_);
        const std::optional<Tracked> back = sender_->send(Tracked(7));
        CHECK(back.has_value() == refused_);
        if (refused_) {
            return;
        }
        sent_ = true;
        available_ = waiting_.empty();
        if (!waiting_.empty()) {
            expect(waiting_.front().job, "7");
            waiting_.erase(waiting_.begin());
        }
        drop_sender();
    }
    void drop_sender() {
        sender_.reset();
        end_waits();
    }
    void end_waits() {
        for (const Wait& wait : waiting_) {
            expect(wait.job, why_none(wait.is_next));
        }
        waiting_.clear();
    }

    std::optional<Oneshot<Tracked>> ends_;
    std::optional<OneshotSender<Tracked>> sender_;
    bool sent_ = false;
    bool available_ = false;
    bool refused_ = false;
    std::vector<Wait> waiting_;
};

}  // namespace

EDDY_TEST_CASE("the value goes to the receiver, before or after it waits, once") {
    auto [sender, receiver] = Oneshot<std::unique_ptr<int>>();
    CHECK(sender.is_wanted());
    CHECK_FALSE(receiver.try_receive());
    CHECK_FALSE(sender.send(std::make_unique<int>(1)));
    CHECK(receiver.statistics().available);
    CHECK_FALSE(receiver.statistics().sender);
    const std::unique_ptr<int> value = co_await receiver.receive();
    CHECK(*value == 1);
    CHECK(thrown_by([&] { static_cast<void>(sender.send(nullptr)); }) == "invalid state");
    CHECK(thrown_by([&] { static_cast<void>(sender.is_wanted()); }) == "invalid state");
    const auto none = co_await receiver.next();
    CHECK_FALSE(none);

    Oneshot<Tracked> other;
    Log log;
    eddy::spawn(notes(other.receiver, log)).detach();
    co_await settle();
    CHECK(other.receiver.statistics().waiters == 1);
    CHECK_FALSE(other.sender.send(Tracked(2)));
    CHECK_FALSE(other.receiver.try_receive());  // it has an owner
    CHECK(log.empty());
    co_await settle();
    CHECK(log == Log{"2"});
    const std::string how = co_await receive(other.receiver);
    CHECK(how == "end");
}

EDDY_TEST_CASE("a sender that goes without a word breaks the promise") {
    Oneshot<Tracked> once;
    Log log;
    eddy::spawn(notes(once.receiver, log)).detach();
    co_await settle();
    {
        const OneshotSender<Tracked> gone = std::move(once.sender);
    }
    CHECK(once.receiver.statistics().waiters == 0);
    co_await settle();
    CHECK(log == Log{"broken"});
    const std::string how = co_await receive(once.receiver);
    CHECK(how == "broken");
    const std::string then = co_await next(once.receiver);
    CHECK(then == "none");
}

EDDY_TEST_CASE("the value comes back when the receiver is gone, or has closed") {
    {
        std::optional<Oneshot<Tracked>> once(std::in_place);
        OneshotSender<Tracked> sender = std::move(once->sender);
        once.reset();
        CHECK_FALSE(sender.is_wanted());
        const std::optional<Tracked> back = sender.send(Tracked(3));
        REQUIRE(back);
        CHECK(back->number() == 3);
        const std::optional<Tracked> again = sender.send(Tracked(4));  // nothing was sent
        CHECK(again);
    }
    CHECK(Tracked::alive() == 0);
    Oneshot<Tracked> once;
    once.receiver.close();
    once.receiver.close();
    CHECK(once.sender.send(Tracked(5)));
    const std::string how = co_await receive(once.receiver);
    CHECK(how == "closed");
    const std::string then = co_await next(once.receiver);
    CHECK(then == "closed");
}

EDDY_TEST_CASE("a value that was sent before the receiver closed can still be received") {
    Oneshot<Tracked> once;
    CHECK_FALSE(once.sender.send(Tracked(1)));
    once.receiver.close();
    const std::string how = co_await receive(once.receiver);
    CHECK(how == "1");
    const std::string then = co_await receive(once.receiver);
    CHECK(then == "closed");
}

EDDY_TEST_CASE("a value nobody received ends with the receiver") {
    {
        Oneshot<Tracked> once;
        CHECK_FALSE(once.sender.send(Tracked(1)));
        CHECK(Tracked::alive() == 1);
    }
    CHECK(Tracked::alive() == 0);
    co_return;
}

EDDY_TEST_CASE("closing wakes the job that waits, one that has its value keeps it") {
    Oneshot<Tracked> once;
    Log log;
    eddy::spawn(notes(once.receiver, log)).detach();
    co_await settle();
    once.receiver.close();
    co_await settle();
    CHECK(log == Log{"closed"});
    Oneshot<Tracked> other;
    eddy::spawn(notes(other.receiver, log)).detach();
    co_await settle();
    CHECK_FALSE(other.sender.send(Tracked(2)));
    other.receiver.close();
    co_await settle();
    CHECK(log == Log{"closed", "2"});
}

EDDY_TEST_CASE("a cancelled receive can be made again") {
    Oneshot<Tracked> once;
    Log log;
    eddy::CancelScope scope;
    eddy::spawn(with_scope(scope, notes(once.receiver, log))).detach();
    co_await settle();
    scope.cancel();
    CHECK_FALSE(once.sender.send(Tracked(1)));
    co_await settle();
    CHECK(log.empty());
    const auto got =
        co_await eddy::select(once.receiver.receive(), eddy::sleep_for(std::chrono::seconds(1)));
    CHECK(std::get<0>(got).number() == 1);
}

EDDY_TEST_CASE("an end that was moved from says so") {
    eddy::Oneshot<int> once;
    eddy::OneshotReceiver<int> receiver = std::move(once.receiver);
    CHECK_THROWS_AS(once.receiver.close(), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(once.receiver.try_receive()), eddy::InvalidState);
    receiver.close();
    receiver.close();
    co_return;
}

EDDY_TEST_CASE("a oneshot refuses other threads") {
    Oneshot<int> once;
    CHECK_FALSE(once.receiver.try_receive());
    CHECK(refused_elsewhere([&] { static_cast<void>(once.sender.send(1)); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(once.sender.is_wanted()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(once.receiver.try_receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(once.receiver.receive()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(once.receiver.next()); }));
    CHECK(refused_elsewhere([&] { static_cast<void>(once.receiver.statistics()); }));
    CHECK(refused_elsewhere([&] { once.receiver.close(); }));
    CHECK_FALSE(once.receiver.statistics().available);
    CHECK(once.receiver.statistics().wanted);
    co_return;
}

EDDY_ABORT_TEST_CASE("destroying an end of a oneshot on another thread is a broken contract",
                     "destroyed on another thread") {
    Oneshot<int> once;
    CHECK_FALSE(once.sender.send(1));
    std::thread([receiver = std::move(once.receiver)]() mutable {
        const OneshotReceiver<int> gone = std::move(receiver);
    }).join();
    co_return;
}

EDDY_TEST_CASE_FIFO("a oneshot is one allocation, its wait none") {
    const std::size_t before = eddy::testing::heap_counters().allocations;
    Oneshot<Tracked> once;
    const std::size_t opened = eddy::testing::heap_counters().allocations;
    CHECK(opened - before == EDDY_HEAP_HOOKS);
    Log log;
    log.reserve(1);
    eddy::spawn(notes(once.receiver, log)).detach();
    co_await settle();
    const std::size_t waiting = eddy::testing::heap_counters().allocations;
    const bool refused = once.sender.send(Tracked(1)).has_value();
    co_await settle();
    const std::size_t received = eddy::testing::heap_counters().allocations;
    CHECK_FALSE(refused);
    CHECK(log == Log{"1"});
    CHECK(received == waiting);
}

EDDY_MODEL_TEST("random programs do to a oneshot what they do to its model", OneshotProgram)
