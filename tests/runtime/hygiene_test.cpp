// SPDX-License-Identifier: MIT
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"

// What a loop does to its process, and what fork does to a loop. A child of this file returns zero
// when all is well, or the number of the first thing that is not.

namespace {

using namespace std::chrono_literals;
using eddy::testing::Gate;
using eddy::testing::run_in_child;

eddy::Task<int> number(int value) {
    co_await eddy::yield();
    co_return value;
}

void (*sigpipe_handler())(int) {
    struct sigaction current = {};
    sigaction(SIGPIPE, nullptr, &current);
    return current.sa_handler;
}

void set_sigpipe(void (*handler)(int)) {
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(SIGPIPE, &action, nullptr);
}

bool is_dev_null(int fd) {
    struct stat opened = {};
    struct stat null = {};
    return fstat(fd, &opened) == 0 && stat("/dev/null", &null) == 0 &&
           opened.st_rdev == null.st_rdev;
}

/// The exit code of a child that runs `body` while the caller goes on.
template <class Body>
int fork_and_wait(Body&& body) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int code = 90;
        try {
            code = body();
        } catch (...) {  // 90 says it
        }
        _exit(code);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("SIGPIPE is ignored from the first loop on: a write to a closed pipe is EPIPE") {
    const auto result = run_in_child([] {
        set_sigpipe(SIG_DFL);
        if (eddy::run(number(1)) != 1) {
            return 1;
        }
        int ends[2] = {-1, -1};
        if (pipe(ends) != 0) {
            return 2;
        }
        close(ends[0]);
        return write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 3;
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("a handler for SIGPIPE that the program has set stays") {
    const auto result = run_in_child([] {
        void (*own)(int) = [](int) {};
        set_sigpipe(own);
        eddy::run(number(1));
        return sigpipe_handler() == own ? 0 : 1;
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("SIGPIPE keeps its default when the loop is asked to leave it") {
    const auto result = run_in_child([] {
        set_sigpipe(SIG_DFL);
        eddy::run(number(1), {}, {.ignore_sigpipe = false});
        return sigpipe_handler() == SIG_DFL ? 0 : 1;
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("a process without standard descriptors gets /dev/null there, and runs") {
    for (const std::vector<int>& closed :
         {std::vector<int>{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 2}, {0, 1, 2}}) {
        const auto result = run_in_child([&closed] {
            for (const int fd : closed) {
                close(fd);
            }
            if (eddy::run(number(7)) != 7) {
                return 1;
            }
            for (const int fd : closed) {
                if (!is_dev_null(fd)) {
                    return 2;
                }
            }
            return 0;
        });
        CHECK(result.exit_code == 0);
    }
}

TEST_CASE("open standard descriptors are left alone") {
    const auto result = run_in_child([] {
        int ends[2] = {-1, -1};
        if (pipe(ends) != 0) {
            return 1;
        }
        dup2(ends[1], STDOUT_FILENO);
        eddy::run(number(1));
        return is_dev_null(STDOUT_FILENO) ? 2 : 0;
    });
    CHECK(result.exit_code == 0);
}

TEST_CASE("a loop made before fork refuses to run in the child; the parent's runs") {
    eddy::Loop loop;
    const int child = fork_and_wait([&] {
        try {
            static_cast<void>(loop.run(number(1)));
            return 1;
        } catch (const eddy::InvalidState& error) {
            return std::string(error.what()).find("fork") != std::string::npos ? 0 : 2;
        }
    });
    CHECK(child == 0);
    CHECK(loop.run(number(2)) == 2);
}

TEST_CASE("a child may destroy the loop it inherited, and the parent's still hears its threads") {
    auto loop = std::make_optional<eddy::Loop>();
    const int child = fork_and_wait([&] {
        loop.reset();
        return 0;
    });
    CHECK(child == 0);
    const auto main = [](eddy::LoopHandle handle) -> eddy::Task<> {
        Gate gate;
        std::thread poster([&gate, handle] { CHECK(handle.post([&gate] { gate.open(); })); });
        co_await gate.wait();
        poster.join();
    };
    loop->run(main(loop->handle()));
}

TEST_CASE("a child forked outside a loop makes a loop of its own") {
    eddy::Loop inherited;
    const int child = fork_and_wait([] { return eddy::run(number(0)); });
    CHECK(child == 0);
    CHECK(inherited.run(number(1)) == 1);
}

TEST_CASE("a job that forks goes on in the parent; in the child its loop's run is InvalidState") {
    const auto main = [](int& code) -> eddy::Task<> {
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            co_await eddy::sleep_for(1ns);  // back to the loop, which is not this process's
            _exit(50);
        }
        co_await eddy::yield();
        int status = 0;
        waitpid(child, &status, 0);
        code = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
    };
    const pid_t parent = getpid();
    int code = -1;
    try {
        eddy::run(main(code));
    } catch (const eddy::InvalidState&) {
        // The loop is unbound: the child may make another one.
        if (getpid() != parent) {
            int value = 60;
            try {
                value = eddy::run(number(0));
            } catch (...) {  // 60 says it
            }
            _exit(value);
        }
        throw;
    }
    CHECK(getpid() == parent);
    CHECK(code == 0);
}

TEST_CASE("a child forked by a job runs a loop of its own on the spot") {
    const auto main = [](int& code) -> eddy::Task<> {
        code = fork_and_wait([] { return eddy::run(number(0)); });
        co_await eddy::yield();
    };
    int code = -1;
    eddy::run(main(code));
    CHECK(code == 0);
}

TEST_CASE("a child that posts through an inherited handle does not disturb the parent") {
    const auto main = [](int& code, int& calls) -> eddy::Task<> {
        const eddy::LoopHandle handle = eddy::Loop::current().handle();
        code = fork_and_wait([&] { return handle.post([&calls] { ++calls; }) ? 1 : 0; });
        co_await eddy::yield();
        CHECK(handle.post([&calls] { calls += 10; }));
    };
    int code = -1;
    int calls = 0;
    eddy::run(main(code, calls));
    CHECK(code == 0);
    CHECK(calls == 10);
}
