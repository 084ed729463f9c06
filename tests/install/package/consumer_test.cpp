// SPDX-License-Identifier: MIT
// A user's own test, with the installed test kit.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <eddy/run.hpp>
#include <eddy/task.hpp>

namespace {

eddy::Task<int> answer() { co_return 42; }

}  // namespace

TEST_CASE("a task returns its value") { CHECK(eddy::run(answer()) == 42); }
