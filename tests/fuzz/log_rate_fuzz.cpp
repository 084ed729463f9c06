// SPDX-License-Identifier: MIT
// How often each kind of message is said, against a list of when which was.
//
// Laws:
// - of one kind at most `most` are said in any second, of all together at most ten for each place;
//   a kind that was silent for a second is said if there are few kinds;
// - each message is said, or counted: what `take` gives, by label, is what was not said, once; a
//   count comes out a second after the first that it counts, or when all are asked for;
// - `due` says whether there is one, `pending` whether there will be; its level is the highest.
//
// Mistakes: one_more_a_second uncounted
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string_view>

#include "../../runtime/src/fault/log_rate.hpp"
#include "fuzz.hpp"

using eddy::detail::LogRate;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr std::size_t kind_count = 80;
constexpr std::size_t places = 64;

struct Kind {
    std::deque<LogRate::Time> said = {};
    std::uint64_t unsaid = 0;
};

class Model final {
public:
    explicit Model(Bytes& input) noexcept : input_(input) {}

    void step() {
        const std::uint8_t what = input_.take_u8();
        switch (what % 8) {
            case 0:
                now_ += std::chrono::milliseconds(what);
                break;
            case 1:
                now_ += std::chrono::milliseconds(990 + what / 8);
                break;
            case 2:
                take(what >= 128);
                break;
            case 3:
                for (std::size_t i = 0; i < kind_count; ++i) {
                    message((i + what) % kind_count, 1, what / 8 % 4);
                }
                break;
            default: {
                const std::size_t kind = input_.pick_index(what < 128 ? 6 : kind_count);
                for (unsigned i = 0; i < 1U + what / 8 % 4 * 4; ++i) {
                    message(kind, kind % 3 == 0 ? 1 : LogRate::most, what / 8 % 4);
                }
            }
        }
        FUZZ_REQUIRE(rate_->pending() == (unsaid_ != 0));
    }

    void end() {
        take(true);
        FUZZ_REQUIRE(unsaid_ == 0);
        FUZZ_REQUIRE(!rate_->pending());
        for (const Kind& kind : kinds_) {
            FUZZ_REQUIRE(kind.unsaid == 0 || others_ != 0);
        }
    }

private:
    void message(std::size_t number, unsigned most, int level) {
        Kind& kind = kinds_[number];
        const bool said = rate_->admit(
            {number + 1, most, level}, now_, [number](char* buffer, std::size_t size) noexcept {
                std::snprintf(buffer, size, "kind %zu", number);
            });
        seen_.push_back(now_);
        while (now_ - seen_.front() >= LogRate::period) {
            seen_.pop_front();
        }
        while (!kind.said.empty() && now_ - kind.said.front() >= LogRate::period) {
            kind.said.pop_front();
        }
        if (said) {
            // A kind that has lost its place, and has one again, begins anew: it was silent then.
            kind.said.push_back(now_);
            all_said_.push_back(now_);
            while (now_ - all_said_.front() >= LogRate::period) {
                all_said_.pop_front();
            }
            FUZZ_REQUIRE(all_said_.size() <= places * LogRate::most);
            const std::size_t limit = most - (planted("one_more_a_second") ? 1 : 0);
            FUZZ_REQUIRE(kind.said.size() <= limit || shared_);
        } else {
            ++unsaid_;
            kind.unsaid += planted("uncounted") ? 0U : 1U;
            worst_ = std::max(worst_, level);
            first_unsaid_ = unsaid_ == 1 ? now_ : first_unsaid_;
            FUZZ_REQUIRE(kind.said.size() >= most || many());
        }
        static_cast<void>(many());
    }

    /// There may be more kinds than places: some share one.
    [[nodiscard]] bool many() noexcept {
        const auto kept = static_cast<std::size_t>(std::count_if(
            kinds_.begin(), kinds_.end(), [](const Kind& kind) { return kind.unsaid != 0; }));
        shared_ = shared_ || seen_.size() + kept >= places - 1;
        return shared_;
    }

    void take(bool all) {
        while (true) {
            const bool due = rate_->due(now_);
            LogRate::Rest rest;
            const bool taken = rate_->take(now_, all, rest);
            FUZZ_REQUIRE(all ? taken == (unsaid_ != 0) : taken == due);
            if (!taken) {
                // The first of them is the oldest, unless that has been told of already.
                FUZZ_REQUIRE(!all || unsaid_ == 0);
                return;
            }
            FUZZ_REQUIRE(rest.count != 0 && rest.count <= unsaid_);
            FUZZ_REQUIRE(rest.level <= worst_);
            FUZZ_REQUIRE(all || now_ - first_unsaid_ >= LogRate::period);
            unsaid_ -= rest.count;
            const std::string_view label = rest.label;
            if (label == "of other kinds") {
                others_ += rest.count;
                continue;
            }
            FUZZ_REQUIRE(label.starts_with("kind "));
            const auto number = static_cast<std::size_t>(std::atoi(rest.label + 5));
            FUZZ_REQUIRE(number < kind_count && kinds_[number].unsaid >= rest.count);
            kinds_[number].unsaid -= rest.count;
        }
    }

    Bytes& input_;
    std::unique_ptr<LogRate> rate_ = std::make_unique<LogRate>();
    LogRate::Time now_{std::chrono::hours(1)};
    std::array<Kind, kind_count> kinds_;
    std::deque<LogRate::Time> seen_;      // messages, within a second
    std::deque<LogRate::Time> all_said_;  // of them
    std::uint64_t unsaid_ = 0;
    std::uint64_t others_ = 0;  // of kinds without a place
    LogRate::Time first_unsaid_{};
    int worst_ = 0;
    bool shared_ = false;  // once and for all: whose place it was is not known here
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    Model model(input);
    while (!input.empty()) {
        model.step();
    }
    model.end();
    return 0;
}
