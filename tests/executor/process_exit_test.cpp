// SPDX-License-Identifier: MIT
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/thread_pool.hpp>
#include <eddy/with_scope.hpp>

// The thread sanitizer supports no threads in a child of a process that has some.
#if defined(__SANITIZE_THREAD__)
#define EDDY_NO_FORK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDDY_NO_FORK 1
#endif
#endif

#ifndef EDDY_NO_FORK

using namespace eddy;
using namespace std::chrono_literals;

namespace {

/// A whole program in a child process, its exit handlers and static destructors included.
int exit_code_of(void (*program)()) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        close(STDERR_FILENO);  // the warning is expected
        program();
        std::exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void sleeps_for_an_hour() { std::this_thread::sleep_for(1h); }

Task<> give_up_after_a_moment() {
    const bool completed = co_await move_on_after(10ms, []() -> Task<> {
        co_await run_in_executor({.on_cancel = OnCancel::abandon}, sleeps_for_an_hour);
    });
    static_cast<void>(completed);
}

Task<> wait_in_vain() {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn([]() -> Task<> { co_await run_in_executor(sleeps_for_an_hour); });
        co_await sleep_for(10ms);
        group.cancel();
    });
}

}  // namespace

TEST_CASE("a call that never ends, abandoned, keeps the process for a second at most") {
    const auto start = std::chrono::steady_clock::now();
    CHECK(exit_code_of([] { eddy::run(give_up_after_a_moment()); }) == 0);
    CHECK(std::chrono::steady_clock::now() - start < 10s);  // 1 s of grace, and a slow machine
}

TEST_CASE("a call that never ends, awaited, keeps the process until the loop's grace is over") {
    const auto start = std::chrono::steady_clock::now();
    CHECK(exit_code_of([] {
              Loop loop;
              try {
                  loop.run(
                      []() -> Task<> {
                          Loop::current().cancel("time to go");
                          co_await wait_in_vain();
                      }(),
                      {.grace = 50ms});
              } catch (const JobCancelled&) {
              }
          }) == 0);
    CHECK(std::chrono::steady_clock::now() - start < 10s);
}

#endif
