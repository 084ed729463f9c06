// SPDX-License-Identifier: MIT
// A race of connection attempts, against a list of who starts and ends when.
//
// Laws:
// - the order in which addresses are tried has all of them, each family in its own order, taking
//   turns as long as there are two, the first one's first;
// - an attempt begins when one has failed, or `delay` after the latest began, whatever is first,
//   and none after there is a connection;
// - the first to succeed wins, at that moment; the others are cancelled, and what they bring is
//   dropped; when all fail, that comes out when the last has: its own failure if it was the only
//   one, else one that names each address.
//
// Mistakes: family_first patient
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/happy_eyeballs.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/time.hpp>

#include "fuzz.hpp"

using eddy::Address;
using eddy::Duration;
using eddy::Task;
using eddy::TimePoint;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr Duration step = std::chrono::milliseconds(1);

void check_order(const std::vector<Address>& given, const std::vector<Address>& tried) {
    FUZZ_REQUIRE(tried.size() == given.size());
    std::size_t of_family[2] = {0, 0};
    for (const Address& address : given) {
        ++of_family[address.is_v6() ? 1 : 0];
    }
    std::size_t next[2] = {0, 0};
    for (std::size_t i = 0; i < tried.size(); ++i) {
        const bool v6 = tried[i].is_v6();
        std::size_t& place = next[v6 ? 1 : 0];
        while (given[place].is_v6() != v6) {
            ++place;
        }
        FUZZ_REQUIRE(tried[i] == given[place]);
        ++place;
        --of_family[v6 ? 1 : 0];
        const bool turn = i == 0 ? v6 == given.front().is_v6() : v6 != tried[i - 1].is_v6();
        FUZZ_REQUIRE(turn || (i != 0 && of_family[v6 ? 0 : 1] == 0 && !planted("family_first")));
    }
}

/// What becomes of an attempt.
struct Attempt {
    Duration takes;
    bool succeeds;
    std::optional<TimePoint> began = {};
    bool ended = false;
};

/// What a race is about: one of each that is alive counts.
class Connection final {
public:
    Connection(std::size_t number, int& alive) noexcept : number_(number), alive_(&alive) {
        ++*alive_;
    }
    Connection(Connection&& other) noexcept
        : number_(other.number_), alive_(std::exchange(other.alive_, nullptr)) {}
    Connection& operator=(Connection&&) = delete;
    ~Connection() { alive_ != nullptr ? static_cast<void>(--*alive_) : static_cast<void>(0); }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

private:
    std::size_t number_;
    int* alive_;
};

struct Race {
    std::vector<Attempt> attempts = {};
    int alive = 0;
    int running = 0;
};

struct Running {
    explicit Running(Race& race) noexcept : of(race) { ++of.running; }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { --of.running; }
    Race& of;
};

Task<Connection> connects(Race* race, Address address) {
    const std::size_t number = address.port();
    Attempt& attempt = race->attempts[number];
    FUZZ_REQUIRE(!attempt.began);
    attempt.began = eddy::now();
    const Running running(*race);
    if (attempt.takes != Duration::zero()) {
        co_await eddy::sleep_for(attempt.takes);
    }
    attempt.ended = true;
    if (!attempt.succeeds) {
        throw std::runtime_error("attempt " + std::to_string(number));
    }
    co_return Connection(number, race->alive);
}

/// When an attempt begins, of those that do, and the moment of the end.
struct Expected {
    std::vector<Duration> begins = {};
    Duration end{};
    bool won = false;
};

Expected expect(const std::vector<Attempt>& attempts, Duration delay) {
    Expected expected;
    Duration now{};
    std::vector<Duration> failures;
    Duration first_success = Duration::max();
    for (const Attempt& attempt : attempts) {
        if (now >= first_success) {
            break;
        }
        expected.begins.push_back(now);
        const Duration end = now + attempt.takes;
        attempt.succeeds ? void(first_success = std::min(first_success, end))
                         : failures.push_back(end);
        // Each failure lets one begin: the next of those that nobody has begun by yet.
        std::sort(failures.begin(), failures.end());
        Duration next = now + delay;
        if (!failures.empty() && failures.front() <= next && !planted("patient")) {
            next = failures.front();
            failures.erase(failures.begin());
        }
        now = next;
    }
    Duration last{};
    for (std::size_t i = 0; i < expected.begins.size(); ++i) {
        last = std::max(last, expected.begins[i] + attempts[i].takes);
    }
    expected.won = first_success != Duration::max();
    expected.end = expected.won ? first_success : last;
    return expected;
}

Task<> races(Bytes& input) {
    const Duration delay = (1 + input.take_u8() % 64) * step;
    Race race;
    std::vector<Address> given;
    while (!input.empty() && race.attempts.size() < 12) {
        const std::uint8_t what = input.take_u8();
        const auto port = static_cast<std::uint16_t>(race.attempts.size());
        given.push_back(Address::loopback(
            port, what % 2 == 0 ? eddy::AddressFamily::v4 : eddy::AddressFamily::v6));
        // A nanosecond here or there, so that no two things happen at the same moment.
        const Duration takes = what / 4 * step + Duration(std::int64_t{1} << port);
        race.attempts.push_back({.takes = takes, .succeeds = what % 4 >= 2});
    }
    check_order(given, eddy::interleave_families(given));
    const TimePoint start = eddy::now();
    const auto connector = [&race](Address address) { return connects(&race, address); };
    std::optional<std::size_t> winner;
    std::string failure;
    bool refused = false;
    try {
        const Connection made = co_await eddy::connect_first(given, std::ref(connector), delay);
        winner = made.number();
        FUZZ_REQUIRE(race.alive == 1);
    } catch (const std::invalid_argument&) {
        refused = true;
    } catch (const std::exception& error) {
        failure = error.what();
    }
    FUZZ_REQUIRE(race.alive == 0);
    FUZZ_REQUIRE(race.running == 0);
    FUZZ_REQUIRE(refused == given.empty());
    if (refused) {
        co_return;
    }
    const Expected expected = expect(race.attempts, delay);
    FUZZ_REQUIRE(eddy::now() - start == expected.end);
    for (std::size_t i = 0; i < race.attempts.size(); ++i) {
        const std::optional<TimePoint>& began = race.attempts[i].began;
        FUZZ_REQUIRE(began.has_value() == (i < expected.begins.size()));
        FUZZ_REQUIRE(!began || *began - start == expected.begins[i]);
    }
    FUZZ_REQUIRE(winner.has_value() == expected.won);
    if (winner) {
        FUZZ_REQUIRE(expected.begins[*winner] + race.attempts[*winner].takes == expected.end);
    } else if (given.size() == 1) {
        FUZZ_REQUIRE(failure == "attempt 0");
    } else {
        for (const Address& address : given) {
            FUZZ_REQUIRE(failure.find(address.to_string()) != std::string::npos);
        }
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(races(input), {}, {.clock = &clock});
    return 0;
}
