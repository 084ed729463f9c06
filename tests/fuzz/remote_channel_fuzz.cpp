// SPDX-License-Identifier: MIT
// A channel for threads, used by the jobs of one loop, against the numbers that went through.
//
// Laws:
// - an item is received once, or is still in the channel; one whose `send` was cancelled, or
//   refused, never; there are never more in it than its capacity;
// - of two items, one sent before the other's `send` began is received before it;
// - when everything stands still, nobody waits for an item while there is one, nor for room while
//   there is some, nor for anything when the channel is closed;
// - after a close by a sender, what is in it is received, then the end; senders get
//   `ClosedResource`, after a close by the receivers `BrokenResource`.
//
// Mistakes: item_twice cancelled_was_sent
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/remote_channel.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>

#include "fuzz.hpp"

using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr std::size_t most_operations = 60;

enum class Ending : std::uint8_t { waits, done, cancelled, closed, broken, drained };

/// One send or receive.
struct Operation {
    bool sends = false;
    int item = 0;
    std::size_t began = 0;
    std::size_t ended = 0;
    Ending ending = Ending::waits;
    eddy::CancelScope scope = eddy::CancelScope();
};

class Model final {
public:
    Model(Bytes& input, std::size_t capacity)
        : Model(input, capacity, eddy::open_remote_channel<int>(capacity)) {}

    Task<> all() {
        co_await eddy::with_task_group([this](eddy::TaskGroup& group) -> Task<> {
            while (!input_.empty() && operations_.size() < most_operations) {
                step(group, input_.take_u8());
                if (input_.flag()) {
                    co_await eddy::testing::settle();
                    check_still();
                }
            }
            co_await eddy::testing::settle();
            check_still();
            close(false);
            co_await eddy::testing::settle();
            check_still();
            std::optional<int> item = receiver_.try_receive();
            for (; item; item = receiver_.try_receive()) {
                received_.push_back(*item);
            }
        });
        check_all();
    }

private:
    using Ends = std::pair<eddy::RemoteSender<int>, eddy::RemoteReceiver<int>>;
    Model(Bytes& input, std::size_t capacity, Ends ends)
        : input_(input),
          capacity_(capacity),
          sender_(std::move(ends.first)),
          receiver_(std::move(ends.second)) {}

    void step(eddy::TaskGroup& group, std::uint8_t what) {
        switch (what % 16) {
            case 0:
            case 1:
            case 2:
            case 3:
                group.spawn(sends(begin(true)));
                break;
            case 4:
            case 5:
            case 6:
            case 7:
                group.spawn(receives(begin(false)));
                break;
            case 8: {
                Operation& operation = begin(true);
                const bool sent = sender_.try_send(int{operation.item});
                end(operation, sent ? Ending::done : Ending::cancelled);
                break;
            }
            case 9: {
                const std::optional<int> item = receiver_.try_receive();
                if (item) {
                    received_.push_back(*item);
                }
                break;
            }
            case 15:
                if (what >= 128) {
                    close(what >= 192);
                }
                break;
            default:
                if (!operations_.empty()) {
                    operations_[what / 16U % operations_.size()].scope.cancel();
                }
        }
    }

    Operation& begin(bool sends) {
        Operation& operation = operations_.emplace_back();
        operation.sends = sends;
        operation.item = ++items_;
        operation.began = ++moment_;
        return operation;
    }
    void end(Operation& operation, Ending ending) {
        operation.ending = ending;
        operation.ended = ++moment_;
    }
    void close(bool by_receiver) {
        by_receiver ? receiver_.close() : sender_.close();
        by_receiver_ = closed_ ? by_receiver_ : by_receiver;
        closed_ = true;
    }

    Task<> sends(Operation& operation) {
        try {
            const bool done =
                co_await eddy::with_scope(operation.scope, sender_.send(operation.item));
            end(operation, done ? Ending::done : Ending::cancelled);
        } catch (const eddy::ClosedResource&) {
            end(operation, Ending::closed);
        } catch (const eddy::BrokenResource&) {
            end(operation, Ending::broken);
        }
    }
    Task<> receives(Operation& operation) {
        const auto item = co_await eddy::with_scope(operation.scope, receiver_.next());
        if (item && *item) {
            received_.push_back(**item);
            if (planted("item_twice") && **item % 8 == 0) {
                received_.push_back(**item);
            }
        }
        end(operation, !item ? Ending::cancelled : *item ? Ending::done : Ending::drained);
    }

    [[nodiscard]] std::size_t count(bool sends, Ending ending) const {
        return static_cast<std::size_t>(
            std::count_if(operations_.begin(), operations_.end(), [&](const Operation& one) {
                return one.sends == sends && one.ending == ending;
            }));
    }

    /// Every job has heard of what has become of its operation.
    void check_still() const {
        const std::size_t sent = count(true, Ending::done);
        FUZZ_REQUIRE(received_.size() <= sent);
        const std::size_t inside = sent - received_.size();
        FUZZ_REQUIRE(inside <= capacity_);
        const std::size_t senders = count(true, Ending::waits);
        const std::size_t receivers = count(false, Ending::waits);
        FUZZ_REQUIRE(senders == 0 || (inside == capacity_ && !closed_));
        FUZZ_REQUIRE(receivers == 0 || (inside == 0 && !closed_));
        FUZZ_REQUIRE(sender_.closed() == closed_);
        FUZZ_REQUIRE(closed_ || count(false, Ending::drained) == 0);
        FUZZ_REQUIRE((closed_ && !by_receiver_) || count(true, Ending::closed) == 0);
        FUZZ_REQUIRE((closed_ && by_receiver_) || count(true, Ending::broken) == 0);
    }

    [[nodiscard]] const Operation* sender_of(int item) const {
        for (const Operation& one : operations_) {
            const bool sent = one.ending == Ending::done ||
                              (planted("cancelled_was_sent") && one.ending == Ending::cancelled);
            if (one.sends && one.item == item && sent) {
                return &one;
            }
        }
        return nullptr;
    }

    void check_all() const {
        std::vector<int> sorted = received_;
        std::sort(sorted.begin(), sorted.end());
        FUZZ_REQUIRE(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
        std::size_t sent = 0;
        for (const Operation& one : operations_) {
            sent += one.sends && sender_of(one.item) != nullptr ? 1U : 0U;
        }
        FUZZ_REQUIRE(received_.size() == sent);
        for (std::size_t i = 0; i < received_.size(); ++i) {
            const Operation* const earlier = sender_of(received_[i]);
            FUZZ_REQUIRE(earlier != nullptr);
            for (std::size_t k = i + 1; k < received_.size(); ++k) {
                const Operation* const later = sender_of(received_[k]);
                FUZZ_REQUIRE(later != nullptr && later->ended > earlier->began);
            }
        }
    }

    Bytes& input_;
    const std::size_t capacity_;
    eddy::RemoteSender<int> sender_;
    eddy::RemoteReceiver<int> receiver_;
    std::deque<Operation> operations_;
    std::vector<int> received_;
    int items_ = 0;
    std::size_t moment_ = 0;
    bool closed_ = false;
    bool by_receiver_ = false;
};

Task<> play(Bytes& input) {
    Model model(input, 1U + input.take_u8() % 4U);
    co_await model.all();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(play(input), {}, {.clock = &clock});
    return 0;
}
