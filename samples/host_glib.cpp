// SPDX-License-Identifier: MIT
// A program that Eddy runs uses a library that needs GLib's main context (D-Bus, GStreamer): a job
// iterates it, and GLib's callbacks come on the loop's thread, beside the jobs.
//
// The other way round, Eddy in a GLib program, is embed_glib.cpp.
#include <array>
#include <chrono>
#include <glib.h>
#include <iostream>
#include <poll.h>
#include <string>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <uv.h>

#include <eddy/event.hpp>
#include <eddy/loop.hpp>
#include <eddy/notify.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/with_scope.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;

namespace {

/// A set of descriptors that jobs wait for: an epoll set, in which the loop polls one descriptor.
class Descriptors {
public:
    Descriptors() : epoll_(epoll_create1(EPOLL_CLOEXEC)), poll_(new uv_poll_t) {
        uv_poll_init(eddy::Loop::current().uv_loop(), poll_, epoll_);
        poll_->data = this;
    }
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;
    ~Descriptors() {
        uv_close(reinterpret_cast<uv_handle_t*>(poll_),
                 [](uv_handle_t* closed) { delete reinterpret_cast<uv_poll_t*>(closed); });
        close(epoll_);
    }

    /// Until one of them is ready, or the time is over.
    eddy::Task<> wait(const std::vector<GPollFD>& fds, eddy::Duration most) {
        for (const GPollFD& fd : fds) {
            epoll_event event{};  // EPOLLIN is G_IO_IN, and so on
            event.events = fd.events;
            epoll_ctl(epoll_, EPOLL_CTL_ADD, fd.fd, &event);
        }
        uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
            uv_poll_stop(poll);  // it is a level
            static_cast<Descriptors*>(poll->data)->ready_.notify_one();
        });
        co_await eddy::move_on_after(most, ready_.wait());
        uv_poll_stop(poll_);
        for (const GPollFD& fd : fds) {
            epoll_ctl(epoll_, EPOLL_CTL_DEL, fd.fd, nullptr);
        }
    }

private:
    int epoll_;
    uv_poll_t* poll_;  // libuv's until its close callback
    eddy::Notify ready_;
};

/// What g_main_context_iteration does, with a wait that is Eddy's. For ever, so: in a group.
eddy::Task<> run_glib(GMainContext* context) {
    Descriptors descriptors;
    g_main_context_acquire(context);
    struct Release {
        GMainContext* context;
        ~Release() { g_main_context_release(context); }
    } const release{context};
    std::vector<GPollFD> fds(4);
    while (true) {
        gint priority = 0;
        gint timeout = 0;
        g_main_context_prepare(context, &priority);
        gint count = 0;
        while ((count = g_main_context_query(
                    context, priority, &timeout, fds.data(), static_cast<gint>(fds.size()))) >
               static_cast<gint>(fds.size())) {
            fds.resize(static_cast<std::size_t>(count));
        }
        fds.resize(static_cast<std::size_t>(count));
        const auto most = timeout < 0 ? eddy::Duration::max() : timeout * 1ms;
        co_await descriptors.wait(fds, most);
        g_poll(fds.data(), static_cast<guint>(count), 0);
        if (g_main_context_check(context, priority, fds.data(), count)) {
            g_main_context_dispatch(context);
        }
    }
}

eddy::Task<> program() {
    co_await eddy::with_task_group([](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(run_glib(g_main_context_default()), {.name = "glib"});

        eddy::Event timer;
        g_timeout_add(
            10,
            [](gpointer event) -> gboolean {
                static_cast<eddy::Event*>(event)->set();
                return G_SOURCE_REMOVE;
            },
            &timer);
        co_await timer.wait();
        std::cout << "eddy: a timeout of glib's\n";

        eddy::Event idle;
        std::thread other([&idle] {
            g_main_context_invoke(
                nullptr,
                [](gpointer event) -> gboolean {
                    static_cast<eddy::Event*>(event)->set();
                    return G_SOURCE_REMOVE;
                },
                &idle);
        });
        co_await idle.wait();
        other.join();
        std::cout << "eddy: a call of another thread's, through glib\n";

        co_await eddy::sleep_for(5ms);
        std::cout << "eddy: a sleep of its own\n";
        group.cancel();
    });
    std::cout << "eddy: glib is not run any more\n";
}

}  // namespace

int main() { return finished(eddy::run_main(program())); }
