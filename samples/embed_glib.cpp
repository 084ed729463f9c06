// SPDX-License-Identifier: MIT
// A guest in a GLib program: GTK and its kin run a GMainContext, which polls for libuv's loop too,
// and Eddy's jobs run beside the program's callbacks, on its one thread.
//
// The other way round, GLib's callbacks inside Eddy's loop, is host_glib.cpp.
#include <chrono>
#include <functional>
#include <glib.h>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <uv.h>

#include <eddy/from_callback.hpp>
#include <eddy/gather.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;

namespace {

/// Runs a libuv loop in a GMainContext: GLib polls its descriptor, for as long as libuv says.
class UvSource {
public:
    explicit UvSource(GMainContext* context) {
        uv_loop_init(&loop_);
        source_ = g_source_new(&functions, sizeof(Source));
        of(source_) = this;
        g_source_add_unix_fd(source_, uv_backend_fd(&loop_), G_IO_IN);
        g_source_attach(source_, context);
    }
    UvSource(const UvSource&) = delete;
    UvSource& operator=(const UvSource&) = delete;
    ~UvSource() {
        g_source_destroy(source_);
        g_source_unref(source_);
        const bool empty = uv_loop_close(&loop_) == 0;
        std::cout << (empty ? "glib: nothing is left in the loop\n" : "glib: something is left\n");
    }

    [[nodiscard]] uv_loop_t* loop() noexcept { return &loop_; }

private:
    struct Source {
        GSource base;
        UvSource* self;
    };
    static UvSource*& of(GSource* source) { return reinterpret_cast<Source*>(source)->self; }

    /// A loop that nothing keeps alive would not poll, but says 0: hence the guest that keeps it.
    [[nodiscard]] int timeout() {
        uv_update_time(&loop_);
        return uv_loop_alive(&loop_) != 0 ? uv_backend_timeout(&loop_) : -1;
    }
    static gboolean prepare(GSource* source, gint* timeout) {
        *timeout = of(source)->timeout();
        return *timeout == 0 ? TRUE : FALSE;
    }
    static gboolean dispatch(GSource* source, GSourceFunc, gpointer) {
        uv_run(&of(source)->loop_, UV_RUN_NOWAIT);
        return G_SOURCE_CONTINUE;
    }
    /// No `check`: what the descriptor says is enough, and a timeout that is over is seen by
    /// `prepare`.
    inline static GSourceFuncs functions = {prepare, nullptr, dispatch, nullptr, nullptr, nullptr};

    uv_loop_t loop_{};
    GSource* source_ = nullptr;
};

/// The guest's side.
eddy::Task<std::string> from_timer() {
    co_await eddy::sleep_for(20ms);
    co_return "a timer's";
}
eddy::Task<std::string> from_thread() {
    std::thread thread;
    std::string text = co_await eddy::from_callback<std::string>([&](auto callback) {
        thread = std::thread([callback] { callback.resolve("a thread's"); });
    });
    thread.join();
    co_return text;
}
eddy::Task<> both(std::function<void(std::string)> ready) {
    const auto [timer, thread] = co_await eddy::gather(from_timer(), from_thread());
    ready(timer + " answer and " + thread);
}

/// The host's side.
struct Program {
    GMainLoop* main = g_main_loop_new(nullptr, FALSE);
    UvSource uv{nullptr};
    std::unique_ptr<eddy::Loop> eddy = eddy::Loop::attach(uv.loop());
    int ticks = 0;

    ~Program() { g_main_loop_unref(main); }

    static gboolean tick(gpointer self) {
        auto& program = *static_cast<Program*>(self);
        if (++program.ticks == 1) {
            std::cout << "glib: first tick, asks\n";
            program.eddy->spawn(both([&program](std::string what) { program.answer(what); }));
        }
        return G_SOURCE_CONTINUE;
    }
    void answer(const std::string& what) {
        std::cout << "glib: got " << what << ", and ticked "
                  << (ticks > 1 ? "all the time\n" : "too seldom\n");
        eddy->detach([this] {
            std::cout << "glib: eddy has left\n";
            g_main_loop_quit(main);
        });
    }
};

}  // namespace

int main() {
    {
        Program program;
        g_timeout_add(5, &Program::tick, &program);
        g_main_loop_run(program.main);
    }
    return finished(0);
}
