// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <netinet/in.h>
#include <optional>
#include <utility>

#include <uv.h>

#include "burners.hpp"
#include "responsiveness.hpp"
#include "workload.hpp"

/// The same in plain libuv, where it has such a thing: callbacks, no jobs.
///
/// Its timers have whole milliseconds and may fire up to one too early; then the tick waits for
/// another, as whoever may not be early has to.
namespace bench::responsive::uvs {

template <class T>
[[nodiscard]] uv_handle_t* as_handle(T& handle) noexcept {
    return reinterpret_cast<uv_handle_t*>(&handle);
}

/// A loop with a tick, and what every load needs of it.
class Bench final {
public:
    explicit Bench(Session& session) : session_(session) {
        uv_loop_init(&loop_);
        uv_timer_init(&loop_, &timer_);
        timer_.data = this;
        wait();
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;
    ~Bench() { uv_loop_close(&loop_); }

    [[nodiscard]] uv_loop_t* loop() noexcept { return &loop_; }
    [[nodiscard]] Session& session() noexcept { return session_; }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

private:
    void wait() {
        const std::int64_t left = std::max<std::int64_t>(session_.due() - wall_now(), 0);
        uv_update_time(&loop_);
        uv_timer_start(
            &timer_,
            [](uv_timer_t* timer) { static_cast<Bench*>(timer->data)->fire(); },
            static_cast<std::uint64_t>((left + 999'999) / 1'000'000),
            0);
    }
    void fire() {
        session_.tick();
        if (session_.finished()) {
            uv_close(as_handle(timer_), nullptr);
        } else {
            wait();
        }
    }

    Session& session_;
    uv_loop_t loop_{};
    uv_timer_t timer_{};
};

/// Calls `step` every `period` ms; closes itself when that returns false, and the bench is over.
class Every final {
public:
    Every(Bench& bench, std::uint64_t period, std::function<bool()> step)
        : bench_(bench), step_(std::move(step)) {
        uv_timer_init(bench.loop(), &timer_);
        timer_.data = this;
        uv_timer_start(
            &timer_,
            [](uv_timer_t* timer) { static_cast<Every*>(timer->data)->fire(); },
            period,
            period);
    }
    Every(const Every&) = delete;
    Every& operator=(const Every&) = delete;
    ~Every() = default;

private:
    void fire() {
        if (!step_()) {
            bench_.session().finish();
            uv_close(as_handle(timer_), nullptr);
        }
    }

    Bench& bench_;
    uv_timer_t timer_{};
    std::function<bool()> step_;
};

[[nodiscard]] inline Quantiles bare_tick() {
    Session session(bare_seconds);
    Bench bench(session);
    const Every idle(bench, 20, [&session] { return !session.over(); });
    bench.run();
    return session.wall();
}

/// A load is constructed with the bench, and lives until all its handles are closed.
template <class Load>
Figures loaded(double seconds) {
    const Quantiles bare = bare_tick();
    Session session(seconds);
    {
        Bench bench(session);
        Load load(bench);
        bench.run();
    }
    return {.bare = bare,
            .wall = session.wall(),
            .cpu = session.cpu(),
            .extra = {session.first_wall().max, session.first_cpu().max}};
}

/// What is nearest to a job that computes and yields: an idle handle.
template <std::size_t count, std::int64_t step>
class Computing final {
public:
    explicit Computing(Bench& bench) : bench_(bench) {
        if (count > 1) {
            bench.session().has_first_round();
        }
        for (uv_idle_t& handle : handles_) {
            uv_idle_init(bench.loop(), &handle);
            handle.data = this;
            uv_idle_start(&handle, [](uv_idle_t* idle) {
                static_cast<Computing*>(idle->data)->compute(*idle);
            });
        }
    }

private:
    void compute(uv_idle_t& handle) {
        Session& session = bench_.session();
        spin(session.marks, step);
        if (++steps_ == count && count > 1) {
            session.first_round_over();
        }
        if (session.over()) {
            session.finish();
            uv_close(as_handle(handle), nullptr);
        }
    }

    Bench& bench_;
    std::array<uv_idle_t, count> handles_{};
    std::size_t steps_ = 0;
};

/// A client that never stops sending.
class Reading final {
public:
    explicit Reading(Bench& bench) : bench_(bench) {
        sockaddr_in address{};
        uv_ip4_addr("127.0.0.1", 0, &address);
        uv_tcp_init(bench.loop(), &listener_);
        uv_tcp_init(bench.loop(), &connection_);
        listener_.data = this;
        connection_.data = this;
        uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&address), 0);
        const int result = uv_listen(
            reinterpret_cast<uv_stream_t*>(&listener_), 1, [](uv_stream_t* listener, int) {
                static_cast<Reading*>(listener->data)->accept();
            });
        int length = sizeof address;
        uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&address), &length);
        if (result != 0) {
            std::abort();
        }
        flood_.emplace(ntohs(address.sin_port));
    }

private:
    void accept() {
        auto* const stream = reinterpret_cast<uv_stream_t*>(&connection_);
        uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), stream);
        uv_read_start(
            stream,
            [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
                auto& buffer = static_cast<Reading*>(handle->data)->buffer_;
                *into = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
            },
            [](uv_stream_t* from, ssize_t, const uv_buf_t*) {
                static_cast<Reading*>(from->data)->got();
            });
    }
    void got() {
        Session& session = bench_.session();
        session.marks.seldom();
        if (session.over() && !session.finished()) {
            session.finish();
            uv_close(as_handle(connection_), nullptr);
            uv_close(as_handle(listener_), nullptr);
        }
    }

    Bench& bench_;
    uv_tcp_t listener_{};
    uv_tcp_t connection_{};
    std::array<char, 4096> buffer_{};
    std::optional<Flood> flood_;
};

/// 200 us are a millisecond for libuv.
class Sleeping final {
public:
    explicit Sleeping(Session& session) : session_(session) {
        uv_loop_init(&loop_);
        uv_timer_init(&loop_, &timer_);
        timer_.data = this;
        wait();
        uv_run(&loop_, UV_RUN_DEFAULT);
    }
    Sleeping(const Sleeping&) = delete;
    Sleeping& operator=(const Sleeping&) = delete;
    ~Sleeping() { uv_loop_close(&loop_); }

private:
    void wait() {
        due_ = wall_now() + short_sleep;
        uv_update_time(&loop_);
        uv_timer_start(
            &timer_,
            [](uv_timer_t* timer) { static_cast<Sleeping*>(timer->data)->fire(); },
            (short_sleep + 999'999) / 1'000'000,
            0);
    }
    void fire() {
        session_.record({due_, 0}, {wall_now(), 0});
        if (session_.over()) {
            uv_close(as_handle(timer_), nullptr);
        } else {
            wait();
        }
    }

    Session& session_;
    uv_loop_t loop_{};
    uv_timer_t timer_{};
    std::int64_t due_ = 0;
};

inline Figures sleep(double seconds) {
    Session session(seconds);
    const Sleeping sleeping(session);
    return {.wall = session.wall()};
}

}  // namespace bench::responsive::uvs
