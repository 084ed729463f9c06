// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/run.hpp>
#include <eddy/task.hpp>

#include "child_process.hpp"

namespace eddy::testing {

/// A broken contract aborts the process with a message that says what to do. Runs `body`, a
/// function or the one of a first job, in a child.
template <class Body>
void check_aborts(std::string_view message, Body body) {
    const ChildResult child = run_in_child([&] {
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
        } else {
            eddy::run(body());
        }
        return 0;
    });
    CHECK(child.signal == SIGABRT);
    CHECK_MESSAGE(child.errors.find(message) != std::string::npos, "it says: " << child.errors);
}

}  // namespace eddy::testing

#define EDDY_ABORT_TEST_IMPL(function, name, message)                      \
    static ::eddy::Task<> function();                                      \
    TEST_CASE(name) { ::eddy::testing::check_aborts(message, &function); } \
    static ::eddy::Task<> function()

/// A coroutine test of a broken contract: it must end with this message.
#define EDDY_ABORT_TEST_CASE(name, message) \
    EDDY_ABORT_TEST_IMPL(DOCTEST_ANONYMOUS(eddy_abort_test_), name, message)
