// SPDX-License-Identifier: MIT
// Calls that a loop has promised, against a list of them.
//
// Laws, for moments of any size:
// - a call comes once, unless it was taken back or the loop ends first; never before its moment, in
//   virtual time at it, and never inside `call_at`;
// - of two calls the one for the earlier moment comes first, of those for one moment the one that
//   was asked for first;
// - `pending` is true until it comes or is taken back; `cancel` says whether it was in time;
// - what is not called is dropped with its loop.
//
// Mistakes: last_of_a_moment cancelled_comes
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <eddy/call_later.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>
#include <eddy/yield.hpp>

#include "fuzz.hpp"

using eddy::Duration;
using eddy::Task;
using eddy::TimePoint;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

class Model final {
public:
    explicit Model(Bytes& input) noexcept : input_(input) {}

    Task<> all() {
        while (!input_.empty()) {
            const std::uint8_t what = input_.take_u8();
            if (what % 8 < 5) {
                some(what);
            } else if (what % 8 < 7) {
                const Duration pause = std::chrono::milliseconds(what / 8);
                co_await eddy::sleep_for(pause);
                for (const Call& call : calls_) {
                    FUZZ_REQUIRE(call.state != State::pending || call.when >= eddy::now() ||
                                 call.asked == eddy::now());
                }
            } else {
                co_await eddy::yield();
            }
        }
    }

    /// When the loop is over.
    void check_end() const {
        for (const Call& call : calls_) {
            FUZZ_REQUIRE(call.kept.expired());
        }
    }

private:
    enum class State : std::uint8_t { pending, came, taken_back };
    struct Call {
        TimePoint when;
        TimePoint asked;
        State state = State::pending;
        eddy::TimerHandle handle = {};
        std::weak_ptr<int> kept = {};  // what the function owns
    };

    void some(std::uint8_t what) {
        inside_ = true;
        switch (what % 8) {
            case 0:
                take_back();
                break;
            case 1:
                promise(eddy::after(eddy::now(), Duration(number())), true);
                break;
            default:
                promise(TimePoint(Duration(number())), false);
        }
        inside_ = false;
    }

    [[nodiscard]] std::int64_t number() {
        const std::uint8_t how = input_.take_u8();
        switch (how % 16) {
            case 0:
                return INT64_MAX - how / 16 % 2;
            case 1:
                return INT64_MIN + how / 16;
            case 2:
                return static_cast<std::int64_t>(input_.take_u64());
            default:
                return std::int64_t{1'000'000} * (how / 2) - 20'000'000;
        }
    }

    void promise(TimePoint when, bool relative) {
        if (calls_.size() == 64) {
            return;
        }
        Call& call = calls_.emplace_back(Call{when, eddy::now()});
        auto kept = std::make_shared<int>(0);
        call.kept = kept;
        const auto fn = [this, &call](const std::shared_ptr<int>&) { comes(call); };
        call.handle = relative ? eddy::call_later(when - eddy::now(), fn, std::move(kept))
                               : eddy::call_at(when, fn, std::move(kept));
        FUZZ_REQUIRE(call.handle.pending());
    }

    void take_back() {
        if (calls_.empty()) {
            return;
        }
        Call& call = calls_[input_.pick_index(calls_.size())];
        const bool in_time = call.state == State::pending;
        FUZZ_REQUIRE(call.handle.pending() == in_time);
        if (planted("cancelled_comes")) {
            call.state = in_time ? State::taken_back : call.state;
            return;
        }
        FUZZ_REQUIRE(call.handle.cancel() == in_time);
        FUZZ_REQUIRE(!call.handle.pending());
        FUZZ_REQUIRE(!in_time || call.kept.expired());
        call.state = in_time ? State::taken_back : call.state;
    }

    void comes(Call& call) {
        FUZZ_REQUIRE(!inside_);
        FUZZ_REQUIRE(call.state == State::pending);
        FUZZ_REQUIRE(!call.handle.pending());
        FUZZ_REQUIRE(eddy::now() >= call.when);
        call.state = State::came;
        bool before = true;
        for (const Call& other : calls_) {
            before = before && &other != &call;
            const bool first = planted("last_of_a_moment") ? !before : before;
            if (other.state == State::pending && first) {
                FUZZ_REQUIRE(other.when > call.when);
            } else if (other.state == State::pending && other.when < call.when) {
                FUZZ_REQUIRE(other.asked == eddy::now());  // while those of this moment come
            }
        }
        if (input_.take_u8() % 4 == 0) {
            some(input_.take_u8());
        }
    }

    Bytes& input_;
    std::deque<Call> calls_;
    bool inside_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    Model model(input);
    eddy::run(model.all(), {}, {.clock = &clock});
    model.check_end();
    return 0;
}
