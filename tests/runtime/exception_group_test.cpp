// SPDX-License-Identifier: MIT
#include <eddy/exception_group.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using eddy::ExceptionGroup;
using eddy::testing::as;
using eddy::testing::holds;

namespace {

template <class E>
std::exception_ptr make(const char* text) {
    return std::make_exception_ptr(E(text));
}
std::exception_ptr nest(std::vector<std::exception_ptr> inner) {
    return std::make_exception_ptr(ExceptionGroup(std::move(inner)));
}
eddy::Task<std::exception_ptr> a_cancelled() {
    std::exception_ptr cancelled;
    const bool done =
        co_await eddy::with_scope({}, [&cancelled](eddy::CancelScope& scope) -> eddy::Task<> {
            scope.cancel();
            try {
                co_await eddy::checkpoint();
            } catch (...) {
                cancelled = std::current_exception();
            }
        });
    CHECK(done);
    co_return cancelled;
}

}  // namespace

TEST_CASE("a group keeps its failures in order and says them all") {
    const ExceptionGroup group({make<std::runtime_error>("a"), make<std::logic_error>("b")});
    REQUIRE(group.exceptions().size() == 2);
    CHECK(holds<std::runtime_error>(group.exceptions()[0]));
    CHECK(holds<std::logic_error>(group.exceptions()[1]));
    CHECK(std::string(group.what()) == "2 failures: a; b");
    const ExceptionGroup one({make<std::runtime_error>("alone")});
    CHECK(std::string(one.what()) == "1 failure: alone");
}

TEST_CASE("failures are found by type, base classes and nested groups included") {
    const ExceptionGroup group(
        {make<std::runtime_error>("a"),
         make<std::invalid_argument>("b"),
         nest({make<std::out_of_range>("c"), make<std::runtime_error>("d")})});
    CHECK(group.count<std::runtime_error>() == 2);
    CHECK(group.count<std::logic_error>() == 2);
    CHECK(group.contains<std::out_of_range>());
    CHECK_FALSE(group.contains<eddy::IoError>());
    CHECK(group.count<ExceptionGroup>() == 1);
    std::string texts;
    group.for_each<std::logic_error>([&texts](const std::logic_error& e) { texts += e.what(); });
    CHECK(texts == "bc");
    const auto first = group.first<std::runtime_error>();
    REQUIRE(first.has_value());
    CHECK(std::string(first->what()) == "a");
    CHECK_FALSE(group.first<eddy::IoError>().has_value());
}

TEST_CASE("what is no std::exception is named by its type") {
    const ExceptionGroup group({std::make_exception_ptr(42)});
    CHECK(group.contains<int>());
    CHECK(std::string(group.what()).find("int") != std::string::npos);
    CHECK_FALSE(group.contains<std::exception>());
}

TEST_CASE("null pointers are left out, and an empty group is harmless") {
    const ExceptionGroup group({nullptr, make<std::runtime_error>("a"), nullptr});
    CHECK(group.exceptions().size() == 1);
    const ExceptionGroup empty({});
    CHECK(empty.exceptions().empty());
    CHECK(std::string(empty.what()) == "0 failures");
}

EDDY_TEST_CASE("Cancelled is left out: it is no failure") {
    const std::exception_ptr cancelled = co_await a_cancelled();
    CHECK(eddy::detail::is_cancelled(cancelled));
    CHECK_FALSE(holds<std::exception>(cancelled));
    std::vector<std::exception_ptr> failures = {cancelled, make<std::runtime_error>("a")};
    const ExceptionGroup group(failures);
    CHECK(group.exceptions().size() == 1);
    CHECK(as<eddy::Cancelled>(cancelled).message().find("cancelled by") == 0);
}

TEST_CASE("copies share the failures") {
    const ExceptionGroup group({make<std::runtime_error>("a")});
    const ExceptionGroup copy = group;  // NOLINT(performance-unnecessary-copy-initialization)
    CHECK(copy.exceptions().data() == group.exceptions().data());
    CHECK(copy.what() == group.what());
    static_assert(std::is_nothrow_copy_constructible_v<ExceptionGroup>);
    static_assert(std::is_base_of_v<std::exception, ExceptionGroup>);
    static_assert(!std::is_base_of_v<std::exception, eddy::Cancelled>);
}
