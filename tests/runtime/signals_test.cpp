// SPDX-License-Identifier: MIT
#include <csignal>
#include <string>

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"

// `run` with `handle_signals`, each in a child process: signals belong to the whole of one. A child
// returns zero when all is well.

namespace {

using namespace std::chrono_literals;
using eddy::testing::run_in_child;

/// Raises `number`, and says whether that cancelled it and its cleanup ran.
eddy::Task<> raises(int number, bool& cancelled, std::string& reason, bool& cleaned) {
    static_cast<void>(raise(number));
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled& cause) {
        cancelled = cause.source() == eddy::CancelSource::shutdown;
        reason = cause.reason();
    }
    co_await eddy::shield([]() -> eddy::Task<> { co_await eddy::sleep_for(1ms); });
    cleaned = true;
}

}  // namespace

TEST_CASE("SIGINT and SIGTERM cancel the root scope, and the cleanup runs") {
    for (const int number : {SIGINT, SIGTERM}) {
        const auto result = run_in_child([number] {
            bool cancelled = false;
            bool cleaned = false;
            std::string reason;
            eddy::run(raises(number, cancelled, reason, cleaned), {.handle_signals = true});
            const char* name = number == SIGINT ? "SIGINT" : "SIGTERM";
            return cancelled && cleaned && reason.find(name) != std::string::npos ? 0 : 1;
        });
        CHECK(result.exit_code == 0);
        CHECK(result.signal == 0);
    }
}

TEST_CASE("a signal cancels all jobs, and a main task without its value is JobCancelled") {
    const auto result = run_in_child([] {
        int cancelled = 0;
        const auto job = [](int& count) -> eddy::Task<> {
            try {
                co_await eddy::sleep_forever();
            } catch (const eddy::Cancelled&) {
                ++count;
                throw;
            }
        };
        const auto main = [&]() -> eddy::Task<int> {
            for (int i = 0; i < 10; ++i) {
                eddy::spawn(job(cancelled));
            }
            co_await eddy::yield();
            static_cast<void>(raise(SIGTERM));
            co_await eddy::sleep_forever();
            co_return 0;
        };
        try {
            static_cast<void>(eddy::run(main(), {.handle_signals = true}));
        } catch (const eddy::JobCancelled&) {
            return cancelled == 10 ? 0 : 1;
        }
        return 2;
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("a second signal of the kind does what it does by default") {
    for (const int number : {SIGINT, SIGTERM}) {
        const auto result = run_in_child([number] {
            const auto main = [](int which) -> eddy::Task<> {
                static_cast<void>(raise(which));
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                    static_cast<void>(raise(which));
                }
            };
            eddy::run(main(number), {.handle_signals = true});
            return 1;
        });
        CHECK(result.signal == number);
    }
}

TEST_CASE("without being asked, run leaves signals alone") {
    const auto result = run_in_child([] {
        const auto main = []() -> eddy::Task<> {
            static_cast<void>(raise(SIGTERM));
            co_return;
        };
        eddy::run(main());
        return 1;
    });
    CHECK(result.signal == SIGTERM);
}

TEST_CASE("after the run the signals are the program's again") {
    const auto result = run_in_child([] {
        const auto main = []() -> eddy::Task<> { co_await eddy::yield(); };
        eddy::run(main(), {.handle_signals = true});
        static_cast<void>(raise(SIGINT));
        return 1;
    });
    CHECK(result.signal == SIGINT);
}
