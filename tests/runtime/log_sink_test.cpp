// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/net/connect.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>

#include "child_process.hpp"

// What the default log writes to: a standard error that takes nothing must hold up neither a loop
// nor the end of the process. Each test is a child process, of which the parent holds the other
// end.

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

using namespace std::chrono_literals;
using eddy::Task;

/// Two ends of a standard error: ours, and the child's.
struct Ends {
    int ours = -1;
    int theirs = -1;
};

Ends pipe_ends() {
    int ends[2] = {-1, -1};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);  // soon full
    return {ends[0], ends[1]};
}

Ends socket_ends() {
    int ends[2] = {-1, -1};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {ends[0], ends[1]};
}

/// A terminal whose output is stopped. No ends when there are none to be had.
Ends terminal_ends() {
    const int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours < 0 || grantpt(ours) != 0 || unlockpt(ours) != 0) {
        return {};
    }
    const int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios raw{};
    tcgetattr(theirs, &raw);
    cfmakeraw(&raw);
    tcsetattr(theirs, TCSANOW, &raw);
    tcflow(theirs, TCOOFF);
    return {ours, theirs};
}

void set_blocking(int fd, bool blocking) {
    const int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/// Puts in what it takes, and leaves it blocking.
void fill(int fd) {
    set_blocking(fd, false);
    const std::string filling(512, '#');
    std::size_t size = filling.size();
    for (int i = 0; size > 0 && i < 100'000; ++i) {  // to the last byte
        if (write(fd, filling.data(), size) < 0) {
            size /= 2;
        }
    }
    set_blocking(fd, true);
}

bool is_full(int fd) {
    set_blocking(fd, false);
    const bool full = write(fd, "#", 1) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    set_blocking(fd, true);
    return full;
}

std::string read_available(int fd) {
    std::string text;
    char buffer[4096];
    pollfd look{fd, POLLIN, 0};
    while (poll(&look, 1, 0) > 0 && (look.revents & POLLIN) != 0) {
        const ssize_t length = read(fd, buffer, sizeof buffer);
        if (length <= 0) {
            break;
        }
        text.append(buffer, static_cast<std::size_t>(length));
    }
    return text;
}

/// A child with `ends.theirs` as its standard error, and a way to stop for the parent.
class Child final {
public:
    /// Lets the child stand still until the parent says `go`.
    class Signals final {
    public:
        explicit Signals(int in, int out) noexcept : in_(in), out_(out) {}
        /// The child's: I am there; go on?
        void meet() const {
            static_cast<void>(!write(out_, "x", 1));
            char byte = 0;
            static_cast<void>(!read(in_, &byte, 1));
        }

    private:
        int in_;
        int out_;
    };

    template <class Body>
    explicit Child(const Ends& ends, Body&& body) {
        int go[2] = {-1, -1};
        int there[2] = {-1, -1};
        REQUIRE(pipe2(go, O_CLOEXEC) == 0);
        REQUIRE(pipe2(there, O_CLOEXEC) == 0);
        std::cout.flush();  // the child flushes too, when it exits
        id_ = fork();
        if (id_ == 0) {
            alarm(60);
            for (const int number : {SIGABRT, SIGINT, SIGTERM, SIGSEGV}) {
                signal(number, SIG_DFL);
            }
            dup2(ends.theirs, STDERR_FILENO);
            close(ends.theirs);
            close(ends.ours);
            close(go[1]);
            close(there[0]);
            int code = 90;
            try {
                code = body(Signals(go[0], there[1]));
            } catch (...) {
            }
            std::exit(code);  // as a program does: with its atexit functions
        }
        close(go[0]);
        close(there[1]);
        go_ = go[1];
        there_ = there[0];
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        wait();
        close(go_);
        close(there_);
    }

    /// Until the child is at its next `meet`. False: it has ended.
    [[nodiscard]] bool arrived() const {
        char byte = 0;
        return read(there_, &byte, 1) == 1;
    }
    void go() const { static_cast<void>(!write(go_, "x", 1)); }

    /// The exit code, or minus the number of the signal.
    int wait() {
        if (id_ > 0) {
            int status = 0;
            waitpid(std::exchange(id_, -1), &status, 0);
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        return code_;
    }

private:
    pid_t id_ = -1;
    int code_ = -1;
    int go_ = -1;
    int there_ = -1;
};

/// One message of a kind of its own, which no rate holds back.
void say(int number, std::size_t size = 0) {
    eddy::report_failure(
        std::make_exception_ptr(std::runtime_error(std::string(size, '.') + "<end>")),
        "message " + std::to_string(number) + ",");
}

/// How often each message stands in `text`, whole.
std::map<int, int> whole_messages(const std::string& text) {
    std::map<int, int> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t at = line.find("] message ");
        if (line.starts_with("[") && at != std::string::npos && line.ends_with("<end>")) {
            ++found[std::atoi(line.c_str() + at + 10)];
        }
    }
    return found;
}

/// Of "... N messages were lost".
std::size_t told_losses(const std::string& text) {
    std::size_t sum = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("eddy: ... ") && line.find("lost") != std::string::npos) {
            sum += static_cast<std::size_t>(std::atol(line.c_str() + 10));
        }
    }
    return sum;
}

/// Every line is a message, what the test has filled in, or tells of losses.
bool only_whole_lines(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        line.erase(0, line.find_first_not_of('#'));
        const bool whole = line.empty() || (line.starts_with("[") && line.ends_with("<end>")) ||
                           line.starts_with("eddy: ... ");
        if (!whole) {
            return false;
        }
    }
    return true;
}

// --- a server whose standard error is stuck ------------------------------------------------------

Task<> answers(eddy::TcpStream stream) {
    static int failures = 0;
    std::array<std::byte, 16> buffer{};
    try {
        const std::size_t length = co_await stream.read_some(buffer);
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    } catch (const eddy::IoError&) {
        say(++failures, 100);  // more than the log would of its own: it is to be full
        throw;
    }
}

/// A client that asks and gets an answer, or one that goes away with a reset.
Task<> asks(eddy::Address address, bool resets, int& answered) {
    eddy::TcpStream stream = co_await eddy::connect(address);
    if (resets) {
        stream.close_reset();
        co_return;
    }
    const std::array<std::byte, 4> question{};
    std::array<std::byte, 4> answer{};
    co_await stream.write_all(question);
    const std::size_t length = co_await stream.read_some(answer);
    answered += length == 4 ? 1 : 0;
}

Task<int> asks_all(int requests) {
    int answered = 0;
    eddy::TcpListener listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
    const eddy::Address address = listener.local_address();
    eddy::Server server({.drain = 10s});
    co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> Task<> {
        group.spawn(eddy::serve(server, listener, answers));
        for (int i = 0; i < requests; ++i) {
            co_await asks(address, i % 2 == 0, answered);
            if (i % 97 == 0) {
                eddy::spawn([]() -> Task<> {  // a failure that the log tells of
                    throw std::runtime_error("nobody waits for me");
                    co_return;
                });
            }
        }
        server.drain();
    });
    co_return answered;
}

/// Whether the child answers everybody and ends, while its standard error stays full.
void check_stuck(const Ends& ends, int requests) {
    fill(ends.theirs);
    REQUIRE(is_full(ends.theirs));
    Child child(ends, [requests](const Child::Signals&) {
        const int answered = eddy::run(asks_all(requests));
        return answered == requests / 2 ? 0 : 1;
    });
    CHECK(child.wait() == 0);
    CHECK(is_full(ends.theirs));
    close(ends.ours);
    close(ends.theirs);
}

}  // namespace

TEST_CASE("with a full pipe as standard error 10,000 requests are answered, and the process ends") {
    check_stuck(pipe_ends(), 10'000);
}

TEST_CASE("with a stopped terminal as standard error requests are answered, and the process ends") {
    const Ends ends = terminal_ends();
    if (ends.theirs < 0) {
        MESSAGE("there are no terminals here");
        return;
    }
    check_stuck(ends, 400);
}

TEST_CASE("with a full socket as standard error requests are answered, and the process ends") {
    check_stuck(socket_ends(), 400);
}

TEST_CASE("a main that fails says so, and ends, though nobody reads its standard error") {
    const Ends ends = pipe_ends();
    fill(ends.theirs);
    Child child(ends, [](const Child::Signals&) {
        return eddy::run_main([]() -> Task<> {
            throw std::runtime_error("that is all");
            co_return;
        }());
    });
    CHECK(child.wait() == 1);
    CHECK(is_full(ends.theirs));
    close(ends.ours);
    close(ends.theirs);
}

// --- what is written, and when -------------------------------------------------------------------

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
    close(ends.ours);
    close(ends.theirs);
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
    std::string text;
    while (child.arrived()) {
        text += read_available(ends.ours);
        child.go();
    }
    CHECK(child.wait() == 0);
    text += read_available(ends.ours);
    CHECK(only_whole_lines(text));
    CHECK(whole_messages(text).size() == 11);
    close(ends.ours);
    close(ends.theirs);
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
    close(ends.ours);
    close(ends.theirs);
}

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
    std::string text;
    while (child.arrived()) {
        text += read_available(ends.ours);
        child.go();
    }
    CHECK(child.wait() == 0);
    text += read_available(ends.ours);
    const auto found = whole_messages(text);
    CHECK(std::all_of(found.begin(), found.end(), [](const auto& one) { return one.second == 1; }));
    CHECK(found.contains(1));
    close(ends.ours);
    close(ends.theirs);
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
    close(ends.ours);
    close(ends.theirs);
}

#endif

#endif
