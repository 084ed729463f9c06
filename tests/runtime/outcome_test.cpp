// SPDX-License-Identifier: MIT
#include <eddy/outcome.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using eddy::Outcome;

TEST_CASE("an outcome with a value hands it out") {
    Outcome<int> number(42);
    CHECK(number.has_value());
    CHECK(static_cast<bool>(number));
    CHECK(number.error() == nullptr);
    CHECK_FALSE(number.cancelled());
    CHECK(number.value() == 42);
    Outcome<std::unique_ptr<int>> owner(std::make_unique<int>(3));
    const std::unique_ptr<int> owned = owner.value();
    CHECK(*owned == 3);
    std::string place;
    Outcome<std::string&> reference(&place);
    CHECK(&reference.value() == &place);
    Outcome<void> nothing{eddy::detail::Unit{}};
    CHECK(nothing.has_value());
    nothing.value();
    static_assert(std::is_same_v<decltype(reference.value()), std::string&>);
}

TEST_CASE("an outcome with an error throws it, as often as it is asked") {
    Outcome<int> failed(std::make_exception_ptr(std::runtime_error("no")));
    CHECK_FALSE(failed.has_value());
    CHECK_FALSE(static_cast<bool>(failed));
    CHECK(failed.error() != nullptr);
    CHECK_FALSE(failed.cancelled());
    CHECK_THROWS_WITH_AS(failed.value(), "no", std::runtime_error);
    CHECK_THROWS_AS(failed.value(), std::runtime_error);
}

TEST_CASE("an empty outcome has nothing to give") {
    Outcome<int> empty;
    CHECK_FALSE(empty.has_value());
    CHECK_FALSE(empty.cancelled());
    CHECK_THROWS_AS(empty.value(), eddy::InvalidState);
}

EDDY_TEST_CASE("an outcome knows a cancellation from a failure") {
    std::exception_ptr error;
    const bool done =
        co_await eddy::with_scope({}, [&error](eddy::CancelScope& scope) -> eddy::Task<> {
            scope.cancel();
            try {
                co_await eddy::checkpoint();
            } catch (...) {
                error = std::current_exception();
            }
        });
    CHECK(done);
    const Outcome<int> outcome(error);
    CHECK(outcome.cancelled());
    CHECK_FALSE(outcome.has_value());
}
