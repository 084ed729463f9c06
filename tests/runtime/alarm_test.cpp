// SPDX-License-Identifier: MIT
#include <eddy/alarm.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "broken_contract.hpp"

using namespace std::chrono_literals;

namespace {

class Bell final : private eddy::Alarm {
public:
    std::vector<eddy::Duration> rings;
    int again = 0;

    using Alarm::arm;
    using Alarm::armed;
    using Alarm::disarm;

private:
    void due() noexcept override {
        rings.push_back(eddy::now().time_since_epoch());
        if (again-- > 0) {
            arm(eddy::now() + 1s);
        }
    }
};

}  // namespace

EDDY_TEST_CASE("an alarm is due at its moment, once") {
    Bell bell;
    bell.rings.reserve(4);
    CHECK_FALSE(bell.armed());
    bell.arm(eddy::now() + 1s);
    CHECK(bell.armed());
    co_await eddy::sleep_for(5s);
    CHECK(bell.rings == std::vector<eddy::Duration>{1s});
    CHECK_FALSE(bell.armed());
}

EDDY_TEST_CASE("arming again moves it, disarming takes it back") {
    Bell bell;
    bell.arm(eddy::now() + 1s);
    bell.arm(eddy::now() + 3s);
    co_await eddy::sleep_for(2s);
    CHECK(bell.rings.empty());
    bell.arm(eddy::now());  // soon, not inside
    CHECK(bell.rings.empty());
    co_await eddy::sleep_for(1ms);
    CHECK(bell.rings == std::vector<eddy::Duration>{2s});
    bell.arm(eddy::now() + 1s);
    bell.disarm();
    bell.disarm();
    bell.arm(eddy::never);
    CHECK(bell.armed());
    co_await eddy::sleep_for(10s);
    CHECK(bell.rings.size() == 1);
    bell.disarm();
}

EDDY_TEST_CASE("it may be armed again from inside") {
    Bell bell;
    bell.again = 2;
    bell.arm(eddy::now() + 1s);
    co_await eddy::sleep_for(10s);
    CHECK(bell.rings == std::vector<eddy::Duration>({1s, 2s, 3s}));
}

TEST_CASE("an alarm needs a loop, and to be unarmed when it goes") {
    Bell bell;
    CHECK_THROWS_AS(bell.arm(eddy::TimePoint{}), eddy::InvalidState);
    bell.disarm();
    eddy::testing::check_aborts("an Alarm was destroyed while it is armed", []() -> eddy::Task<> {
        Bell armed;
        armed.arm(eddy::now() + 1h);
        co_return;
    });
}

EDDY_TEST_CASE("a failure that is reported reaches the observer, with its job and place") {
    auto& failures = eddy::testing::expected_failures();
    eddy::report_failure(std::make_exception_ptr(std::runtime_error("unread")), "Bell");
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].where == "Bell");
    CHECK(failures[0].message == "unread");
    CHECK(failures[0].job == "main");
    co_return;
}
