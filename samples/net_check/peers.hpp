// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

/// Blocking clients, and the program they talk to: what a sample is tested with, without Eddy.

namespace net_check {

/// Throws, so that the programs under test end with those who check them.
inline void check(bool holds, std::string_view what) {
    if (!holds) {
        throw std::runtime_error("does not hold: " + std::string(what));
    }
}

/// A sample that runs in a process of its own; its standard output is read here.
class Program {
public:
    explicit Program(std::vector<std::string> arguments) {
        int ends[2] = {-1, -1};
        check(pipe(ends) == 0, "a pipe");
        process_ = fork();
        if (process_ == 0) {
            dup2(ends[1], STDOUT_FILENO);
            close(ends[0]);
            close(ends[1]);
            std::vector<char*> list;
            for (std::string& argument : arguments) {
                list.push_back(argument.data());
            }
            list.push_back(nullptr);
            execv(list[0], list.data());
            _exit(127);
        }
        close(ends[1]);
        output_ = ends[0];
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() {
        if (process_ > 0) {
            kill(process_, SIGKILL);
            waitpid(process_, nullptr, 0);
        }
        close(output_);
    }

    /// The next line of its output, without the end; empty at the end of it.
    [[nodiscard]] std::string line() {
        std::string text;
        char letter = 0;
        while (read(output_, &letter, 1) == 1 && letter != '\n') {
            text += letter;
        }
        return text;
    }
    /// From "listening on 127.0.0.1:4711".
    [[nodiscard]] std::uint16_t port() {
        const std::string text = line();
        check(text.starts_with("listening on "), "it says where it listens: " + text);
        return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
    }
    void signal(int number) const { kill(process_, number); }
    /// From when this returns until `go_on` it does nothing.
    void stop() const {
        int status = 0;
        signal(SIGSTOP);
        check(waitpid(process_, &status, WUNTRACED) == process_ && WIFSTOPPED(status), "it stops");
    }
    void go_on() const { signal(SIGCONT); }
    /// Waits for its end.
    [[nodiscard]] int exit_code() {
        int status = 0;
        waitpid(std::exchange(process_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t process_ = -1;
    int output_ = -1;
};

/// A connection to a port of this machine.
class Client {
public:
    explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval patience{20, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ =
            connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { close(socket_); }

    [[nodiscard]] bool connected() const { return connected_; }

    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            check(sent > 0, "the other side takes what is sent");
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    void end() { shutdown(socket_, SHUT_WR); }
    /// The other side gets an error instead of an end, once this is destroyed.
    void reset() {
        const linger at_once{1, 0};
        setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }

    /// At most `length` bytes; fewer at the end of the stream.
    [[nodiscard]] std::string receive(std::size_t length) {
        while (buffered_.size() < length && more()) {
        }
        return take(length);
    }
    /// Something has come, or the end, within so many milliseconds.
    [[nodiscard]] bool hears_within(int milliseconds) const {
        pollfd event{socket_, POLLIN, 0};
        return poll(&event, 1, milliseconds) == 1;
    }
    [[nodiscard]] bool ended() { return receive(1).empty(); }
    /// Reads up to and including this text, and returns everything.
    std::string until(std::string_view end) {
        std::size_t found = std::string::npos;
        while ((found = buffered_.find(end)) == std::string::npos) {
            check(more(), "\"" + std::string(end) + "\" comes, after: " + buffered_);
        }
        return take(found + end.size());
    }

private:
    [[nodiscard]] bool more() {
        char buffer[65536];
        const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
        check(got >= 0 || errno == ECONNRESET, "bytes come in time");
        buffered_.append(buffer, static_cast<std::size_t>(got > 0 ? got : 0));
        return got > 0;
    }
    [[nodiscard]] std::string take(std::size_t length) {
        const std::string text = buffered_.substr(0, length);
        buffered_.erase(0, text.size());
        return text;
    }

    int socket_;
    bool connected_ = false;
    std::string buffered_;
};

/// Bytes that one end of a connection of this machine has sent and the other has not got.
[[nodiscard]] inline unsigned long under_way(std::uint16_t from, std::uint16_t to) {
    std::ifstream table("/proc/net/tcp");
    std::string line;
    while (std::getline(table, line)) {
        std::istringstream words(line);
        const std::vector<std::string> word(std::istream_iterator<std::string>(words), {});
        const auto port_of = [](std::string_view text) {
            unsigned port = 0;
            const std::string_view digits = text.substr(text.find(':') + 1);
            std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
            return port;
        };
        if (word.size() > 4 && port_of(word[1]) == from && port_of(word[2]) == to) {
            return std::stoul(word[4].substr(0, 8), nullptr, 16);
        }
    }
    return 0;
}

}  // namespace net_check
