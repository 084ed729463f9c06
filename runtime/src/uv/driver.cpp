// SPDX-License-Identifier: MIT
#include "uv/driver.hpp"

#include <csignal>
#include <cstdint>
#include <new>
#include <utility>

#include <eddy/require.hpp>

#include "uv/check.hpp"
#include "uv/descriptor_probe.hpp"

namespace eddy::inline v0_1::detail {

namespace {

template <class Handle>
uv_handle_t* base(Handle& handle) noexcept {
    return reinterpret_cast<uv_handle_t*>(&handle);
}

template <class Handle>
Driver* driver_of(Handle* handle) noexcept {
    return static_cast<Driver*>(handle->data);
}

void do_nothing_idle(uv_idle_t*) {}

}  // namespace

Driver::Owned Driver::own(DriverClient& client) {
    std::unique_ptr<Driver, Discard> driver(new Driver(client));
    driver->own_loop_.backend_fd = -1;
    probe_loop_descriptors();
    const int result = uv_loop_init(&driver->own_loop_);
    if (result < 0) {
        close_unfinished(driver->own_loop_);
    }
    uv_check(result, "a loop cannot be made: uv_loop_init");
    loop_descriptors_made();
    driver->loop_ = &driver->own_loop_;
    driver->init_handles();
    return Owned(driver.release());
}

Driver::Owned Driver::attach(DriverClient& client, uv_loop_t* host) {
    std::unique_ptr<Driver, Discard> made(new Driver(client));
    made->loop_ = host;
    made->attached_ = true;
    made->init_handles();
    Owned driver(made.release());
    uv_prepare_init(host, &driver->prepare_);
    uv_check_init(host, &driver->check_);
    uv_idle_init(host, &driver->idle_);
    driver->open_handles_ += 3;
    driver->prepare_.data = driver->check_.data = driver->idle_.data = driver.get();
    uv_prepare_start(&driver->prepare_,
                     [](uv_prepare_t* handle) { driver_of(handle)->client_.before_host_poll(); });
    uv_check_start(&driver->check_,
                   [](uv_check_t* handle) { driver_of(handle)->client_.after_host_poll(); });
    uv_unref(driver->waker_.handle());
    uv_unref(base(driver->timer_));
    uv_unref(base(driver->prepare_));
    uv_unref(base(driver->check_));
    uv_unref(base(driver->idle_));
    return driver;
}

void Driver::init_handles() {
    const int result = waker_.init(loop_);
    if (result < 0) {
        if (!attached_) {
            uv_loop_close(loop_);
        }
        uv_check(result, "a loop cannot be made: a handle that wakes it");
    }
    uv_timer_init(loop_, &timer_);
    waker_.handle()->data = timer_.data = this;
    open_handles_ = 2;
}

void Driver::Closer::operator()(Driver* driver) const noexcept {
    if (driver->attached_) {
        driver->close_attached({});
    } else {
        static_cast<void>(driver->close_own());
    }
}

void Driver::wake(void* driver) noexcept { static_cast<Driver*>(driver)->waker_.wake(); }

// --- polling -----------------------------------------------------------------------------------

void Driver::poll_now() noexcept { uv_run(loop_, UV_RUN_NOWAIT); }

void Driver::poll_until(TimePoint now, TimePoint until) noexcept {
    if (until != never || armed_for_ != never || fine_timer_.fired()) {
        arm(now, until);
    }
    uv_run(loop_, UV_RUN_ONCE);
}

void Driver::arm(TimePoint now, TimePoint until) noexcept {
    if (arm_fine(now, until)) {
        arm_coarse(now, never);
    } else {
        fine_timer_.rest();
        arm_coarse(now, until);
    }
}

bool Driver::arm_fine(TimePoint now, TimePoint until) noexcept {
    if (!fine_ || until == never || until - now > FineTimer::range) {
        return false;
    }
    if (resolution_ != Duration::zero()) {
        const Duration over = until.time_since_epoch() % resolution_;
        until += over != Duration::zero() ? resolution_ - over : over;
    }
    const bool was_open = fine_timer_.handle() != nullptr;
    const bool armed = fine_timer_.arm(loop_, until);
    if (!was_open && fine_timer_.handle() != nullptr) {
        fine_timer_.handle()->data = this;
        ++open_handles_;
    }
    return armed;
}

void Driver::arm_coarse(TimePoint now, TimePoint until) noexcept {
    if (until == never) {
        if (armed_for_ != never) {
            uv_timer_stop(&timer_);
        }
        armed_for_ = never;
        return;
    }
    if (until == armed_for_ && uv_is_active(base(timer_)) != 0) {
        return;
    }
    // libuv counts whole milliseconds from a clock it has rounded down, so it may be early by one:
    // then the turn finds nothing due and arms it again. It is late by one at most.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    uv_update_time(loop_);
    uv_timer_start(&timer_, timer_fired, wait > 0 ? static_cast<std::uint64_t>(wait) : 1, 0);
    armed_for_ = until;
}

/// Up to 1.44 libuv runs timers before it polls. One that falls due between arming and there (the
/// thread was preempted) would leave the poll without a timeout: so it must not block. A host's
/// loop is not ours to stop, and needs no help: its prepare handle comes after the timers, and arms
/// again.
void Driver::timer_fired(uv_timer_t* timer) {
    if (!driver_of(timer)->attached_) {
        uv_stop(timer->loop);
    }
}

void Driver::dont_block() noexcept { uv_idle_start(&idle_, do_nothing_idle); }

void Driver::block_until(TimePoint now, TimePoint until) noexcept {
    uv_idle_stop(&idle_);
    arm(now, until);
}

/// By one handle, which is always active.
void Driver::hold_host(bool on) noexcept { on ? uv_ref(base(prepare_)) : uv_unref(base(prepare_)); }

void Driver::rest() noexcept {
    uv_prepare_stop(&prepare_);
    uv_check_stop(&check_);
    uv_idle_stop(&idle_);
    uv_timer_stop(&timer_);
}

void Driver::joined(uv_handle_t* handle) noexcept {
    ++open_handles_;
    if (attached_) {
        uv_unref(handle);
    }
}

// --- signals -----------------------------------------------------------------------------------

void Driver::watch_signals() {
    const int numbers[2] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; ++i) {
        uv_check(uv_signal_init(loop_, &signals_[i]), "uv_signal_init");
        signals_[i].data = this;
        uv_unref(base(signals_[i]));
        ++open_handles_;
        signals_open_ = true;
        signal_pipe_.join(*loop_);
        uv_check(uv_signal_start_oneshot(
                     &signals_[i],
                     [](uv_signal_t* handle, int number) {
                         driver_of(handle)->client_.signal_arrived(number);
                     },
                     numbers[i]),
                 "uv_signal_start");
    }
}

void Driver::stop_signals() noexcept {
    if (std::exchange(signals_open_, false)) {
        signal_pipe_.leave();
        for (uv_signal_t& signal : signals_) {
            if (signal.data != nullptr) {
                close_handle(base(signal));
            }
        }
    }
}

// --- closing -----------------------------------------------------------------------------------

void Driver::close_handle(uv_handle_t* handle) noexcept {
    uv_close(handle, [](uv_handle_t* closed) { driver_of(closed)->handle_closed(); });
}

void Driver::handle_closed() noexcept {
    if (--open_handles_ != 0 || !attached_) {
        return;
    }
    std::function<void()> done = std::move(on_closed_);
    delete this;
    if (done) {
        done();
    }
}

Driver::Leaked Driver::close_own() noexcept {
    stop_signals();
    close_handle(waker_.handle());
    close_handle(base(timer_));
    if (fine_timer_.handle() != nullptr) {
        close_handle(fine_timer_.handle());
    }
    Leaked leaked;
    uv_walk(
        loop_,
        [](uv_handle_t* handle, void* found) {
            if (uv_is_closing(handle) == 0) {
                static_cast<Leaked*>(found)->add(uv_handle_type_name(handle->type));
                uv_close(handle, nullptr);
            }
        },
        &leaked);
    uv_run(loop_, UV_RUN_DEFAULT);
    EDDY_REQUIRE(uv_loop_close(loop_) == 0,
                 "the loop's libuv handles did not close: a close callback opened new ones");
    delete this;
    return leaked;
}

void Driver::Leaked::add(const char* name) noexcept {
    ++count;
    try {
        names += names.empty() ? "" : ", ";
        names += name;
    } catch (const std::bad_alloc&) {  // the number has to do
    }
}

void Driver::close_attached(std::function<void()> done) noexcept {
    on_closed_ = std::move(done);
    close_handle(waker_.handle());
    close_handle(base(timer_));
    if (fine_timer_.handle() != nullptr) {
        close_handle(fine_timer_.handle());
    }
    close_handle(base(prepare_));
    close_handle(base(check_));
    close_handle(base(idle_));
}

}  // namespace eddy::inline v0_1::detail
