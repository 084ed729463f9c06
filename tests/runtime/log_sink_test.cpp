// SPDX-License-Identifier: MIT
// What the default log writes to standard error, and when.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <poll.h>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>
#if EDDY_WITH_SPDLOG
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#endif

#include <eddy/run.hpp>
#include <eddy/sleep.hpp>

#include "child_process.hpp"
#include "log_child.hpp"

// The address sanitizer needs descriptors of its own.
#if defined(__SANITIZE_ADDRESS__)
#define EDDY_NEEDS_DESCRIPTORS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EDDY_NEEDS_DESCRIPTORS 1
#endif
#endif

#ifndef EDDY_NO_FORK

namespace {

using namespace eddy::testing;
using namespace std::chrono_literals;
using eddy::Task;

}  // namespace

TEST_CASE("what does not fit waits, and losses are counted and told of when there is room again") {
    const Ends ends = pipe_ends();
    constexpr int messages = 40;
    Child child(ends, [](const Child::Signals& parent) {
        for (int i = 0; i < messages; ++i) {
            say(i, 3000);  // 120 kB
        }
        parent.meet();
        eddy::run([](const Child::Signals& here) -> Task<> {
            for (int i = 0; i < 20; ++i) {  // the loop turns, and nobody says anything
                here.meet();
                co_await eddy::sleep_for(11ms);
            }
        }(parent));
        say(messages);
        return 0;
    });
    std::string text;
    while (child.arrived()) {
        text += read_available(ends.ours);
        child.go();
    }
    CHECK(child.wait() == 0);
    const std::size_t before_the_last = whole_messages(text).size();
    CHECK(before_the_last > 15);  // 64 KiB of them
    text += read_available(ends.ours);
    const auto found = whole_messages(text);
    CHECK(only_whole_lines(text));
    CHECK(found.contains(0));
    CHECK(found.contains(messages));
    CHECK(found.size() + told_losses(text) == messages + 1);
    CHECK(std::all_of(found.begin(), found.end(), [](const auto& one) { return one.second == 1; }));
    // In order, and the losses stand where they were.
    CHECK(text.find("lost") < text.find("message " + std::to_string(messages) + ","));
    close_both(ends);
}

TEST_CASE("a line that is half written goes on where it was") {
    const Ends ends = pipe_ends();
    Child child(ends, [](const Child::Signals& parent) {
        say(1, 10'000);  // more than the pipe takes
        say(2, 10'000);
        parent.meet();
        for (int i = 3; i < 12; ++i) {
            say(i);
            parent.meet();
        }
        return 0;
    });
    const std::string text = read_to_end(child, ends);
    CHECK(only_whole_lines(text));
    CHECK(whole_messages(text).size() == 11);
    close_both(ends);
}

TEST_CASE("a standard error that is replaced is followed, with whole lines") {
    const Ends old = pipe_ends();
    const Ends next = pipe_ends();
    fcntl(next.theirs, F_SETPIPE_SZ, 1 << 16);
    Child child(old, [&next](const Child::Signals&) {
        say(1, 6000);  // the pipe has the first half
        say(2, 100);
        dup2(next.theirs, STDERR_FILENO);
        say(3, 100);
        return 0;
    });
    CHECK(child.wait() == 0);
    const std::string text = read_available(next.ours);
    CHECK(only_whole_lines(text));
    CHECK(whole_messages(text) == std::map<int, int>{{2, 1}, {3, 1}});
    for (const int fd : {old.ours, old.theirs, next.ours, next.theirs}) {
        close(fd);
    }
}

TEST_CASE("a file takes the log as it comes") {
    char path[] = "/tmp/eddy_log_XXXXXX";
    const int file = mkstemp(path);
    REQUIRE(file >= 0);
    Child child({-1, file}, [](const Child::Signals&) {
        for (int i = 0; i < 50; ++i) {
            say(i, 3000);
        }
        return 0;
    });
    CHECK(child.wait() == 0);
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    CHECK(whole_messages(text.str()).size() == 50);
    CHECK(only_whole_lines(text.str()));
    close(file);
    unlink(path);
}

TEST_CASE("what is common to those who share standard error stays as it was") {
    const Ends ends = pipe_ends();
    Child child(ends, [](const Child::Signals&) {
        const int before = fcntl(STDERR_FILENO, F_GETFL);
        errno = 0;
        for (int i = 0; i < 20; ++i) {
            say(i, 1000);
        }
        const bool same = fcntl(STDERR_FILENO, F_GETFL) == before && (before & O_NONBLOCK) == 0;
        return same && errno == 0 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    close_both(ends);
}

TEST_CASE("a standard error that does not block already is written to as it is") {
    const Ends ends = pipe_ends();
    set_blocking(ends.theirs, false);
    Child child(ends, [](const Child::Signals&) {
        say(1);
        for (int i = 2; i < 20; ++i) {
            say(i, 1000);  // more than it takes
        }
        return (fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) != 0 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    const std::string text = read_available(ends.ours);
    CHECK(whole_messages(text).contains(1));
    CHECK(only_whole_lines(text.substr(0, text.rfind('\n') + 1)));
    close_both(ends);
}

#if EDDY_WITH_SPDLOG
TEST_CASE("the default logger is one of spdlog's: it is flushed, and has a pattern") {
    const Ends ends = pipe_ends();
    Child child(ends, [](const Child::Signals&) {
        say(1);
        const auto logger = spdlog::get("eddy");
        if (logger == nullptr) {
            return 1;
        }
        logger->sinks().front()->set_pattern("[%n] %v");
        say(2);
        logger->flush();
        return 0;
    });
    CHECK(child.wait() == 0);
    const std::string text = read_available(ends.ours);
    CHECK(text.find("\n[eddy] message 2, failed: <end>\n") != std::string::npos);
    close_both(ends);
}
#endif

TEST_CASE("nothing of ours keeps the other end of standard error waiting") {
    const Ends ends = pipe_ends();
    Child child(ends, [](const Child::Signals& parent) {
        say(1);
        close(STDERR_FILENO);  // a daemon says that it has begun
        parent.meet();
        return 0;
    });
    close(ends.theirs);
    REQUIRE(child.arrived());
    read_available(ends.ours);
    pollfd look{ends.ours, POLLIN, 0};
    CHECK(poll(&look, 1, 0) == 1);
    CHECK((look.revents & POLLHUP) != 0);
    child.go();
    CHECK(child.wait() == 0);
    close(ends.ours);
}

#ifndef EDDY_NEEDS_DESCRIPTORS
TEST_CASE("without a descriptor to spare it writes what does not block") {
    for (const bool full : {false, true}) {
        const Ends ends = pipe_ends();
        if (full) {
            fill(ends.theirs);
        }
        Child child(ends, [](const Child::Signals&) {
            rlimit none{};
            getrlimit(RLIMIT_NOFILE, &none);
            none.rlim_cur = 3;
            setrlimit(RLIMIT_NOFILE, &none);
            say(1);
            say(2, 3000);
            say(3, 3000);
            return fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK;
        });
        CHECK(child.wait() == 0);
        const std::string text = read_available(ends.ours);
        CHECK(whole_messages(text).contains(1) == !full);
        CHECK(is_full(ends.theirs) == false);
        close(ends.ours);
        close(ends.theirs);
    }
}
#endif

TEST_CASE("a pipe that nobody can read any more is no signal, and none is left pending") {
    const Ends ends = pipe_ends();
    close(ends.ours);
    Child child(ends, [](const Child::Signals&) {
        signal(SIGPIPE, SIG_DFL);
        for (int i = 0; i < 3; ++i) {
            say(i, 100);
        }
        sigset_t pending;
        sigpending(&pending);
        return sigismember(&pending, SIGPIPE) == 0 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    close(ends.theirs);

    // The reader goes in the middle of a line.
    const Ends halfway = pipe_ends();
    Child other(halfway, [](const Child::Signals& parent) {
        signal(SIGPIPE, SIG_DFL);
        say(1, 10'000);
        parent.meet();
        for (int i = 2; i < 5; ++i) {
            say(i, 100);
        }
        sigset_t pending;
        sigpending(&pending);
        return sigismember(&pending, SIGPIPE) == 0 ? 0 : 1;
    });
    REQUIRE(other.arrived());
    close(halfway.ours);
    other.go();
    CHECK(other.wait() == 0);
    close(halfway.theirs);
}

TEST_CASE("a forked child does not say again what its parent has not got rid of") {
    const Ends ends = pipe_ends();
    Child child(ends, [](const Child::Signals& parent) {
        for (int i = 1; i < 6; ++i) {
            say(i, 2000);
        }
        parent.meet();  // the parent reads what is there
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            say(100);
            std::exit(0);
        }
        waitpid(grandchild, nullptr, 0);
        parent.meet();
        say(6);
        return 0;
    });
    const std::string text = read_to_end(child, ends);
    const auto found = whole_messages(text);
    CHECK(std::all_of(found.begin(), found.end(), [](const auto& one) { return one.second == 1; }));
    CHECK(found.contains(1));
    close_both(ends);
}

#if EDDY_FORKS_AMONG_THREADS

TEST_CASE("a fork while other threads log leaves a child that can log") {
    const Ends ends = socket_ends();
    Child child(ends, [](const Child::Signals&) {
        std::atomic<bool> over{false};
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&over, t] {
                for (int i = 0; !over; ++i) {
                    say(1000 * (t + 1) + i % 5, 10);
                }
            });
        }
        int failed = 0;
        for (int i = 0; i < 100; ++i) {
            const pid_t grandchild = fork();
            if (grandchild == 0) {
                alarm(20);
                say(1);
                _exit(0);
            }
            int status = 0;
            waitpid(grandchild, &status, 0);
            failed += status != 0 ? 1 : 0;
        }
        over = true;
        for (std::thread& thread : threads) {
            thread.join();
        }
        return failed;
    });
    CHECK(child.wait() == 0);
    close_both(ends);
}

#endif

#endif
