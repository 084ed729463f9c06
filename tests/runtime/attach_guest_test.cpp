// SPDX-License-Identifier: MIT
// A guest changes nothing of its host's process, and lives with what it finds there.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>

#include "attach_host.hpp"
#include "child_process.hpp"

#if !defined(EDDY_NO_FORK)

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::Host;
using eddy::testing::run_in_child;

bool sigpipe_is_default() {
    struct sigaction current = {};
    sigaction(SIGPIPE, nullptr, &current);
    return current.sa_handler == SIG_DFL;
}

bool is_dev_null(int fd) {
    struct stat opened = {};
    struct stat null = {};
    return fstat(fd, &opened) == 0 && stat("/dev/null", &null) == 0 &&
           opened.st_rdev == null.st_rdev;
}

/// Attaches, runs the task, detaches.
void visit(Host& host, const eddy::AttachOptions& options, Task<> task) {
    auto loop = eddy::Loop::attach(host.loop(), options);
    loop->spawn(
        [](eddy::Loop& self, Task<> work) -> Task<> {
            co_await std::move(work);
            self.detach([] {});
        },
        std::ref(*loop),
        std::move(task));
    host.run();
}
Task<> nothing() { co_return; }

TEST_CASE("a guest leaves SIGPIPE as its host has it, unless it is told to ignore it") {
    const auto child = run_in_child([] {
        signal(SIGPIPE, SIG_DFL);
        Host host;
        visit(host, {}, nothing());
        visit(host, {.keep_alive = true, .loop = {.turn_quota = 1ms}}, nothing());
        visit(host, {.loop = {.ignore_sigpipe = false}}, nothing());
        if (!sigpipe_is_default()) {
            return 1;
        }
        visit(host, {.loop = {.ignore_sigpipe = true}}, nothing());
        return sigpipe_is_default() ? 2 : 0;
    });
    CHECK(child.exit_code == 0);
}

TEST_CASE("a guest leaves closed standard descriptors closed, unless it is told to open them") {
    const auto child = run_in_child([] {
        Host host;
        close(STDIN_FILENO);
        visit(host, {}, nothing());
        visit(host, {.loop = {.turn_quota = 1ms}}, nothing());
        if (fcntl(STDIN_FILENO, F_GETFD) != -1) {
            return 1;
        }
        visit(host, {.loop = {.open_standard_fds = true}}, nothing());
        return is_dev_null(STDIN_FILENO) ? 0 : 2;
    });
    CHECK(child.exit_code == 0);
}

TEST_CASE("a loop of one's own ignores SIGPIPE and opens descriptors, whatever else is set") {
    const auto child = run_in_child([] {
        signal(SIGPIPE, SIG_DFL);
        close(STDIN_FILENO);
        eddy::run(nothing(), {}, {.turn_quota = 1ms});
        return !sigpipe_is_default() && is_dev_null(STDIN_FILENO) ? 0 : 1;
    });
    CHECK(child.exit_code == 0);
}

/// Each of the writes to a peer that is gone is an error, and no signal.
template <class Stream>
Task<> writes_in_vain(Stream stream, int& refused) {
    const std::string text(100, 'x');
    const std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span(text)),
                                                          std::as_bytes(std::span(text))};
    for (int i = 0; i < 1'000 && refused == 0; ++i) {
        try {
            co_await stream.write_all(std::span(parts));
        } catch (const eddy::BrokenResource&) {
            ++refused;
        }
    }
    try {
        static_cast<void>(co_await stream.write_some(parts[0]));
    } catch (const eddy::BrokenResource&) {
        ++refused;
    }
    try {
        co_await stream.write_all(text);
    } catch (const eddy::BrokenResource&) {
        ++refused;
    }
}

TEST_CASE("a guest's writes to a peer that is gone are errors while SIGPIPE ends the process") {
    const auto child = run_in_child([] {
        signal(SIGPIPE, SIG_DFL);
        Host host;
        int refused = 0;
        visit(host, {}, [](int& count) -> Task<> {
            auto [near, far] = eddy::UnixStream::pair();
            far.close();
            co_await writes_in_vain(std::move(near), count);
        }(refused));
        if (refused != 3) {
            return 1;
        }
        refused = 0;
        visit(host, {}, [](int& count) -> Task<> {
            auto listener = eddy::TcpListener::listen(eddy::Address::loopback(0));
            auto near = co_await eddy::connect(listener.local_address());
            auto far = co_await listener.accept();
            far.close_reset();
            co_await writes_in_vain(std::move(near), count);
        }(refused));
        return refused == 3 ? 0 : 2;
    });
    CHECK(child.signal == 0);
    CHECK(child.exit_code == 0);
}

TEST_CASE("what a guest logs to a pipe that nobody reads is lost, and no signal") {
    const auto child = run_in_child([] {
        signal(SIGPIPE, SIG_DFL);
        int ends[2] = {-1, -1};
        if (pipe(ends) != 0) {
            return 1;
        }
        close(ends[0]);
        dup2(ends[1], STDERR_FILENO);
        Host host;
        auto loop = eddy::Loop::attach(host.loop());
        loop->spawn([]() -> Task<> {
                throw std::runtime_error("nobody hears");
                co_return;
            })
            .detach();
        bool gone = false;
        loop->detach([&gone] { gone = true; });
        host.run();
        return gone ? 0 : 2;
    });
    CHECK(child.signal == 0);
    CHECK(child.exit_code == 0);
}

}  // namespace

#endif
