// SPDX-License-Identifier: MIT
// A plugin with an Eddy of its own, for a host that unloads it.
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>

#include <eddy/loop.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/sleep.hpp>

namespace {

using namespace std::chrono_literals;

std::unique_ptr<eddy::Loop> guest;

/// Leaves something in the log, and a thread if it is told to.
eddy::Task<> work(bool look_up) {
    co_await eddy::sleep_for(1ms);
    if (look_up) {
        try {
            static_cast<void>(co_await eddy::resolve("localhost", 80));
        } catch (const std::exception&) {  // a machine without names
        }
    }
    throw std::runtime_error("said by the plugin");
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void plugin_attach(uv_loop_s* loop, int look_up) {
    guest = eddy::Loop::attach(loop, {.keep_alive = eddy::KeepHost::while_jobs});
    guest->spawn(work(look_up != 0)).detach();
}

EXPORTED void plugin_detach(void (*done)()) {
    guest->detach([done] { done(); });
}

EXPORTED void plugin_free() { guest.reset(); }
