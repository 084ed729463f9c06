// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/report_failure.hpp>

/// What the tests of the default log need: a child process with a standard error of which the
/// parent holds the other end, and what is read there.

namespace eddy::testing {

/// Two ends of a standard error: ours, and the child's.
struct Ends {
    int ours = -1;
    int theirs = -1;
};

inline Ends pipe_ends() {
    int ends[2] = {-1, -1};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);  // soon full
    return {ends[0], ends[1]};
}

inline Ends socket_ends() {
    int ends[2] = {-1, -1};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {ends[0], ends[1]};
}

/// A terminal whose output is stopped. No ends when there are none to be had.
inline Ends terminal_ends() {
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

inline void set_blocking(int fd, bool blocking) {
    const int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/// Puts in what it takes, and leaves it blocking.
inline void fill(int fd) {
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

inline bool is_full(int fd) {
    set_blocking(fd, false);
    const bool full = write(fd, "#", 1) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    set_blocking(fd, true);
    return full;
}

inline std::string read_available(int fd) {
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

/// What a child says until it has ended: after each `meet` it is read, and may go on.
inline std::string read_to_end(Child& child, const Ends& ends) {
    std::string text;
    while (child.arrived()) {
        text += read_available(ends.ours);
        child.go();
    }
    CHECK(child.wait() == 0);
    return text + read_available(ends.ours);
}

inline void close_both(const Ends& ends) {
    close(ends.ours);
    close(ends.theirs);
}

/// One message of a kind of its own, which no rate holds back.
inline void say(int number, std::size_t size = 0) {
    eddy::report_failure(
        std::make_exception_ptr(std::runtime_error(std::string(size, '.') + "<end>")),
        "message " + std::to_string(number) + ",");
}

/// How often each message stands in `text`, whole.
inline std::map<int, int> whole_messages(const std::string& text) {
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
inline std::size_t told_losses(const std::string& text) {
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
inline bool only_whole_lines(const std::string& text) {
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

}  // namespace eddy::testing
