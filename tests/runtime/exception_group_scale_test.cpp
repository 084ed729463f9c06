// SPDX-License-Identifier: MIT
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/exception_group.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>

#include "heap_hooks.hpp"
#include "test_kit.hpp"

// Groups with many failures, or many groups in each other.

namespace {

using namespace eddy::testing;
using eddy::ExceptionGroup;
using eddy::Task;
using eddy::TaskGroup;

constexpr int deep = 100'000;
constexpr std::size_t longest = 20UL * 1024;

std::exception_ptr failure(const std::string& text) {
    return std::make_exception_ptr(std::runtime_error(text));
}
std::vector<std::exception_ptr> failures(int count) {
    std::vector<std::exception_ptr> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(failure(std::to_string(i)));
    }
    return all;
}
std::exception_ptr nest(std::exception_ptr inner, int depth) {
    for (int i = 0; i < depth; ++i) {
        std::vector<std::exception_ptr> one;
        one.push_back(std::move(inner));
        inner = std::make_exception_ptr(ExceptionGroup(std::move(one)));
    }
    return inner;
}

Task<> fail_nested(int depth) {
    if (depth == 0) {
        throw std::runtime_error("the one");
    }
    co_await eddy::with_task_group([depth](TaskGroup& group) -> Task<> {
        group.spawn(fail_nested(depth - 1));
        co_return;
    });
}

}  // namespace

TEST_CASE("of many failures the first sixteen are told, and how many there are") {
    const ExceptionGroup few(failures(16));
    CHECK(std::string(few.what()) ==
          "16 failures: 0; 1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12; 13; 14; 15");
    const ExceptionGroup more(failures(17));
    CHECK(std::string(more.what()) ==
          "17 failures: 0; 1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12; 13; 14; 15; and 1 more");
    const ExceptionGroup most(failures(10'000));
    CHECK(std::string(most.what()).ends_with("; 15; and 9984 more"));
    CHECK(eddy::detail::describe(std::make_exception_ptr(most)) == most.what());
}

TEST_CASE("nested groups share what is told") {
    std::vector<std::exception_ptr> groups;
    for (int i = 0; i < 1'000; ++i) {
        groups.push_back(std::make_exception_ptr(ExceptionGroup(failures(10))));
    }
    const ExceptionGroup group(groups);
    const std::string text = group.what();
    CHECK(text.starts_with("1000 failures: 10 failures: 0; 1;"));
    CHECK(text.ends_with("10 failures: 0; 1; 2; 3; 4; 5; and 4 more; and 998 more"));
    std::vector<std::exception_ptr> empty(1'000, std::make_exception_ptr(ExceptionGroup({})));
    CHECK(std::string(ExceptionGroup(empty).what()).ends_with("0 failures; and 984 more"));
}

TEST_CASE("a long failure is cut, and not within a character") {
    const ExceptionGroup group({failure(std::string(1024, 'x')), failure(std::string(1025, 'x'))});
    std::string both = "2 failures: ";  // piece by piece: g++ 12 warns of the sum
    both.append(1024, 'x').append("; ").append(1024, 'x').append("...");
    CHECK(std::string(group.what()) == both);
    std::string in_a_character(1023, 'x');
    in_a_character.append("\xc3\xa4").append("tail");
    const ExceptionGroup split({failure(in_a_character)});
    CHECK(std::string(split.what()) == both.replace(0, 12, "1 failure: ").substr(0, 1034) + "...");
    std::vector<std::exception_ptr> all(100, failure(std::string(100'000, 'y')));
    CHECK(std::string(ExceptionGroup(all).what()).size() < longest);
}

TEST_CASE("100,000 groups in each other are built, told, searched and destroyed") {
    std::exception_ptr outermost = nest(failure("innermost"), deep);
    const ExceptionGroup group({std::exchange(outermost, nullptr)});
    const std::string text = group.what();
    CHECK(text ==
          "1 failure: 1 failure: 1 failure: 1 failure: 1 failure: 1 failure: 1 failure: "
          "1 failure: 1 failure in deeper groups");
    CHECK(group.count<std::runtime_error>() == 1);
    CHECK_FALSE(group.contains<std::logic_error>());
    CHECK(group.count<ExceptionGroup>() == 1);
    const auto first = group.first<std::runtime_error>();
    REQUIRE(first.has_value());
    CHECK(std::string(first->what()) == "innermost");
}

TEST_CASE("failures are found in order, whatever groups they are in") {
    const ExceptionGroup group({failure("a"),
                                std::make_exception_ptr(ExceptionGroup(
                                    {failure("b"), nest(failure("c"), 3), failure("d")})),
                                failure("e")});
    std::string order;
    group.for_each<std::runtime_error>([&](const std::runtime_error& e) { order += e.what(); });
    CHECK(order == "abcde");
}

TEST_CASE("two threads may ask for the text at once, and get the same") {
    for (int round = 0; round < 100; ++round) {
        const ExceptionGroup group(failures(100));
        const ExceptionGroup copy = group;  // NOLINT(performance-unnecessary-copy-initialization)
        const char* there = nullptr;
        std::thread other([&] { there = copy.what(); });
        const char* const here = group.what();
        other.join();
        CHECK(here == there);
    }
}

#if EDDY_HEAP_HOOKS

TEST_CASE("without memory a group says that it has none, and later what it knows") {
    const ExceptionGroup group(failures(3));
    for (std::size_t nth = 0; nth < 20; ++nth) {
        FailAllocation shortage(nth, FailAllocation::Mode::and_after);
        const std::string_view text = group.what();
        if (!shortage.stop()) {
            CHECK(text == "3 failures: 0; 1; 2");
            break;
        }
        CHECK(text == "failures, and no memory to say which");
        CHECK(nth < 19);
    }
    CHECK(std::string(group.what()) == "3 failures: 0; 1; 2");
}

TEST_CASE("a group costs no text until somebody asks") {
    std::exception_ptr nested = nest(failure("innermost"), 1'000);
    const HeapCounters before = heap_counters();
    nested = nest(std::move(nested), 1'000);
    CHECK(heap_counters().bytes - before.bytes < 1'000 * 256);
    static_cast<void>(eddy::detail::describe(nested));
    CHECK(heap_counters().bytes - before.bytes < 1'000 * 256 + 1'024);
}

#endif

EDDY_TEST_CASE("5,000 groups in each other that fail come out as one failure in 5,000 groups") {
    const auto error = co_await error_of([]() -> Task<int> {
        co_await fail_nested(5'000);
        co_return 0;
    }());
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).count<std::runtime_error>() == 1);
}

namespace {

struct GroupOfSomebody : eddy::ExceptionGroup {
    using ExceptionGroup::ExceptionGroup;
};

}  // namespace

TEST_CASE("groups of a derived type may be nested as deep, and say what they are") {
    std::exception_ptr innermost =
        std::make_exception_ptr(std::runtime_error("the innermost failure"));
    for (int level = 0; level < 100'000; ++level) {
        innermost = std::make_exception_ptr(GroupOfSomebody({std::move(innermost)}));
    }
    const eddy::ExceptionGroup all({std::move(innermost)});
    const std::string text = all.what();
    CHECK(text.starts_with("1 failure: 1 failure: "));
    CHECK(text.size() < 1'000);
}
