// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include <uv.h>

namespace eddy::testing {

/// A program with a libuv loop of its own that knows nothing of Eddy.
class Host final {
public:
    Host() { uv_loop_init(&loop_); }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() { uv_loop_close(&loop_); }

    [[nodiscard]] uv_loop_t* loop() noexcept { return &loop_; }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

    /// Zero when nothing is left in it.
    [[nodiscard]] int close() {
        const int result = uv_loop_close(&loop_);
        if (result == 0) {
            uv_loop_init(&loop_);  // for the destructor
        }
        return result;
    }

private:
    uv_loop_t loop_{};
};

/// Calls a function once, from the host's timer phase.
///
/// Lifetime: closes itself after the call; outlives the run.
class HostTimer final {
public:
    HostTimer(Host& host, std::uint64_t milliseconds, std::function<void()> fn)
        : fn_(std::move(fn)) {
        uv_timer_init(host.loop(), &timer_);
        timer_.data = this;
        uv_timer_start(
            &timer_,
            [](uv_timer_t* timer) {
                auto* self = static_cast<HostTimer*>(timer->data);
                self->fired_ = true;
                self->fn_();
                uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
            },
            milliseconds,
            0);
    }
    HostTimer(const HostTimer&) = delete;
    HostTimer& operator=(const HostTimer&) = delete;

    [[nodiscard]] bool fired() const noexcept { return fired_; }
    /// Instead of the call.
    void stop() { uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr); }

private:
    uv_timer_t timer_{};
    std::function<void()> fn_;
    bool fired_ = false;
};

/// An echo server and its client over loopback, in plain libuv callbacks. The client sends one
/// message and calls `done` when it has come back; then both close.
///
/// Lifetime: outlives the run.
class EchoPair final {
public:
    EchoPair(Host& host, std::string message, std::function<void()> done)
        : message_(std::move(message)), done_(std::move(done)) {
        sockaddr_in address{};
        uv_ip4_addr("127.0.0.1", 0, &address);
        for (uv_tcp_t* socket : {&listener_, &server_, &client_}) {
            uv_tcp_init(host.loop(), socket);
            socket->data = this;
        }
        uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&address), 0);
        uv_listen(stream(listener_), 1, [](uv_stream_t* listener, int) {
            EchoPair& self = of(listener);
            uv_accept(listener, stream(self.server_));
            uv_read_start(stream(self.server_),
                          allocate,
                          [](uv_stream_t* from, ssize_t length, const uv_buf_t* buffer) {
                              if (length > 0) {
                                  of(from).send(of(from).server_,
                                                std::string(buffer->base, count(length)));
                              }
                              std::free(buffer->base);
                          });
        });
        int size = sizeof address;
        uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &size);
        uv_tcp_connect(&connect_,
                       &client_,
                       reinterpret_cast<const sockaddr*>(&address),
                       [](uv_connect_t* request, int) {
                           EchoPair& self = of(request->handle);
                           self.send(self.client_, self.message_);
                           uv_read_start(stream(self.client_), allocate, received_some);
                       });
    }
    EchoPair(const EchoPair&) = delete;
    EchoPair& operator=(const EchoPair&) = delete;

    [[nodiscard]] const std::string& received() const noexcept { return received_; }

private:
    static uv_stream_t* stream(uv_tcp_t& socket) { return reinterpret_cast<uv_stream_t*>(&socket); }
    static EchoPair& of(uv_stream_t* socket) { return *static_cast<EchoPair*>(socket->data); }
    static std::size_t count(ssize_t length) { return static_cast<std::size_t>(length); }

    static void allocate(uv_handle_t*, std::size_t size, uv_buf_t* buffer) {
        *buffer =
            uv_buf_init(static_cast<char*>(std::malloc(size)), static_cast<unsigned int>(size));
    }

    static void received_some(uv_stream_t* from, ssize_t length, const uv_buf_t* buffer) {
        EchoPair& self = of(from);
        if (length > 0) {
            self.received_.append(buffer->base, count(length));
        }
        std::free(buffer->base);
        if (self.received_.size() == self.message_.size()) {
            for (uv_tcp_t* socket : {&self.listener_, &self.server_, &self.client_}) {
                uv_close(reinterpret_cast<uv_handle_t*>(socket), nullptr);
            }
            self.done_();
        }
    }

    /// Short messages: what the socket does not take at once is an error of the test.
    void send(uv_tcp_t& to, std::string text) {
        const uv_buf_t buffer = uv_buf_init(text.data(), static_cast<unsigned int>(text.size()));
        if (uv_try_write(stream(to), &buffer, 1) != static_cast<int>(text.size())) {
            std::abort();
        }
    }

    uv_tcp_t listener_{};
    uv_tcp_t server_{};
    uv_tcp_t client_{};
    uv_connect_t connect_{};
    std::string message_;
    std::string received_;
    std::function<void()> done_;
};

}  // namespace eddy::testing
