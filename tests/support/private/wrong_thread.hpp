// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/task.hpp>

#include "child_process.hpp"

/// Whose thread, whose loop: every public function of what belongs to a loop is called where it
/// does not belong, row by row of a table.

namespace eddy::testing {

/// One public function: called, or, where `fn` makes a `Task<>`, awaited.
struct OffLoopCall {
    template <class F>
    OffLoopCall(const char* function, F fn) : name(function) {
        if constexpr (std::is_same_v<std::invoke_result_t<F&>, Task<>>) {
            await = std::move(fn);
        } else {
            call = [fn]() mutable { static_cast<void>(fn()); };
        }
    }

    const char* name;
    std::function<void()> call;
    std::function<Task<>()> await;  // one of the two is set
};

/// A row for something that is awaited: `off_loop_await("Event::wait", [&] { return e.wait(); })`.
template <class Make>
[[nodiscard]] OffLoopCall off_loop_await(const char* name, Make make) {
    return {name,
            [make] { return [](Make fn) -> Task<> { static_cast<void>(co_await fn()); }(make); }};
}

/// One that may be called anywhere, and why.
struct AnywhereCall {
    const char* name;
    const char* reason;
    std::function<void()> call;
};

namespace detail {

/// What is wrong with the error of a call; empty if it is a `WrongThread` that says whose it was.
inline std::string complaint(const char* name, const std::exception_ptr& error) {
    try {
        if (error) {
            std::rethrow_exception(error);
        }
        return std::string(name) + ": took it\n";
    } catch (const WrongThread&) {
        return {};
    } catch (const std::exception& other) {
        return std::string(name) + ": " + other.what() + "\n";
    } catch (...) {
        return std::string(name) + ": something else\n";
    }
}

/// The calls that are not awaited, on this thread.
inline std::string call_all(const std::vector<OffLoopCall>& calls) {
    std::string complaints;
    for (const OffLoopCall& each : calls) {
        if (!each.call) {
            continue;
        }
        std::exception_ptr error;
        try {
            each.call();
        } catch (...) {
            error = std::current_exception();
        }
        complaints += complaint(each.name, error);
    }
    return complaints;
}

/// All of them, in a job.
inline Task<> call_and_await_all(const std::vector<OffLoopCall>& calls, std::string& complaints) {
    complaints += call_all(calls);
    for (const OffLoopCall& each : calls) {
        if (!each.await) {
            continue;
        }
        std::exception_ptr error;
        try {
            co_await each.await();
        } catch (...) {
            error = std::current_exception();
        }
        complaints += complaint(each.name, error);
    }
}

}  // namespace detail

/// Every call throws `WrongThread`: on a thread without a loop, on the thread of another loop, and
/// in a forked child, by the job that has forked and in a loop of the child's own. `state`, called
/// on the loop, says the same as before.
///
/// Requires: called by a job; the objects were made by one.
inline void check_refused(const std::vector<OffLoopCall>& calls,
                          const std::function<std::string()>& state) {
    const std::string before = state();
    std::string complaints;

    std::thread([&] { complaints = detail::call_all(calls); }).join();
    CHECK_MESSAGE(complaints.empty(), "on a thread without a loop: " << complaints);
    CHECK(state() == before);

    complaints.clear();
    std::thread([&] { eddy::run(detail::call_and_await_all(calls, complaints)); }).join();
    CHECK_MESSAGE(complaints.empty(), "on another loop's thread: " << complaints);
    CHECK(state() == before);

    const ChildResult child = run_in_child([&calls] {
        std::string own = detail::call_all(calls);
        eddy::run(detail::call_and_await_all(calls, own));
        std::fputs(own.c_str(), stderr);
        return own.empty() ? 0 : 1;
    });
    CHECK_MESSAGE(child.exit_code == 0,
                  "in a forked child: " << child.errors << " (signal " << child.signal << ")");
    CHECK(state() == before);
}

/// Every call returns: on a thread without a loop, and in a forked child.
inline void check_anywhere(const std::vector<AnywhereCall>& calls) {
    std::thread([&] {
        for (const AnywhereCall& each : calls) {
            CHECK_NOTHROW_MESSAGE(each.call(), each.name << ", " << each.reason);
        }
    }).join();
    const ChildResult child = run_in_child([&calls] {
        for (const AnywhereCall& each : calls) {
            each.call();
        }
        return 0;
    });
    CHECK_MESSAGE(child.exit_code == 0, child.errors << " (signal " << child.signal << ")");
}

/// Does `call` on a thread of its own, for what a test says must abort there.
template <class Call>
void on_another_thread(Call call) {
    std::thread(call).join();
}

}  // namespace eddy::testing
