// SPDX-License-Identifier: MIT
// A guest in Node: an addon whose promises are Eddy jobs, on the thread and the loop of whoever
// loads it, the main thread or a worker.
//
// It keeps node running while a promise is pending, and no longer. It leaves when its environment
// does: at the end of the process or of a worker. At `process.exit` on the main thread node asks
// nobody, and the process just ends.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <node_api.h>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

namespace {

/// What one environment has: node makes one for each thread that loads the addon.
struct Guest {
    napi_env env = nullptr;
    napi_async_context context = nullptr;
    napi_async_cleanup_hook_handle hook = nullptr;
    std::unique_ptr<eddy::Loop> loop;
    bool leaving = false;  // no JavaScript may run any more
};

/// In an addon JavaScript must not be left with an exception half made: it is fatal.
void check(napi_status status) {
    if (status != napi_ok) {
        throw std::runtime_error("Node-API refuses, with status " + std::to_string(status));
    }
}

napi_value text(napi_env env, const std::string& from) {
    napi_value value = nullptr;
    check(napi_create_string_utf8(env, from.data(), from.size(), &value));
    return value;
}

std::string text(napi_env env, napi_value from) {
    std::size_t length = 0;
    check(napi_get_value_string_utf8(env, from, nullptr, 0, &length));
    std::string value(length, '\0');
    check(napi_get_value_string_utf8(env, from, value.data(), length + 1, &length));
    return value;
}

/// Closes them whatever happens in between: a worker may be ended in the middle, and then
/// everything is refused.
struct Scopes {
    napi_env env;
    napi_handle_scope handles = nullptr;
    napi_callback_scope callback = nullptr;

    explicit Scopes(napi_env of) : env(of) {}
    Scopes(const Scopes&) = delete;
    Scopes& operator=(const Scopes&) = delete;
    ~Scopes() {
        if (callback != nullptr) {
            napi_close_callback_scope(env, callback);
        }
        if (handles != nullptr) {
            napi_close_handle_scope(env, handles);
        }
    }
};

/// Jobs run in a callback of libuv, not of node's: there is no handle scope, and promises' `then`
/// runs when a callback scope closes, not before.
void settle(Guest& guest, const std::function<void(napi_env)>& with) {
    if (guest.leaving) {
        return;  // a promise of an environment that ends stays pending
    }
    Scopes scopes(guest.env);
    napi_value resource = nullptr;
    check(napi_open_handle_scope(guest.env, &scopes.handles));
    check(napi_create_object(guest.env, &resource));
    check(napi_open_callback_scope(guest.env, resource, guest.context, &scopes.callback));
    with(guest.env);
}

void reject(napi_env env, napi_deferred promise, const char* code, const std::string& message) {
    napi_value error = nullptr;
    check(napi_create_error(env, text(env, code), text(env, message), &error));
    check(napi_reject_deferred(env, promise, error));
}

// --- what the addon does: coroutines -----------------------------------------------------------

eddy::Task<std::string> greeting(std::string name, eddy::Duration pause) {
    co_await eddy::sleep_for(pause);  // stands for a server, a file, a computation
    if (name.empty()) {
        throw std::invalid_argument("nobody to greet");
    }
    co_return "hello, " + name;
}

/// The job of one promise.
eddy::Task<> keep(Guest& guest, napi_deferred promise, std::string name, eddy::Duration pause) {
    try {
        const std::string said = co_await greeting(std::move(name), pause);
        settle(guest,
               [&](napi_env env) { check(napi_resolve_deferred(env, promise, text(env, said))); });
    } catch (const eddy::Cancelled&) {
        settle(guest, [&](napi_env env) { reject(env, promise, "ABORT_ERR", "aborted"); });
        throw;
    } catch (const std::exception& error) {
        settle(guest, [&](napi_env env) { reject(env, promise, "EDDY_ERR", error.what()); });
    }
}

// --- what JavaScript sees ----------------------------------------------------------------------

using Job = eddy::JoinHandle<void>;

constexpr double longest_pause = 1e12;  // milliseconds, 31 years

napi_value cancel(napi_env env, napi_callback_info info) {
    void* job = nullptr;
    napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &job);
    static_cast<Job*>(job)->cancel("by its AbortSignal");
    return nullptr;
}

/// start(name, milliseconds) -> [promise, cancel]
napi_value start_job(Guest& guest, napi_callback_info info) {
    const napi_env env = guest.env;
    std::size_t count = 2;
    napi_value arguments[2] = {};
    double milliseconds = 0;
    check(napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr));
    check(napi_get_value_double(env, arguments[1], &milliseconds));
    if (!(std::abs(milliseconds) <= longest_pause)) {  // NaN neither
        throw std::invalid_argument("a pause of so many milliseconds is too long");
    }
    const auto pause = std::chrono::duration_cast<eddy::Duration>(
        std::chrono::duration<double, std::milli>(milliseconds));
    std::string name = text(env, arguments[0]);

    napi_deferred deferred = nullptr;
    napi_value result[2] = {};
    check(napi_create_promise(env, &deferred, &result[0]));
    auto job =
        std::make_unique<Job>(guest.loop->spawn(keep(guest, deferred, std::move(name), pause)));
    check(napi_create_function(env, "cancel", NAPI_AUTO_LENGTH, cancel, job.get(), &result[1]));
    // The handle lives as long as the function; it is dropped on this thread, and detaches.
    const auto drop = [](napi_env, void* data, void*) { delete static_cast<Job*>(data); };
    check(napi_add_finalizer(env, result[1], job.get(), drop, nullptr, nullptr));
    static_cast<void>(job.release());

    napi_value both = nullptr;
    check(napi_create_array_with_length(env, 2, &both));
    check(napi_set_element(env, both, 0, result[0]));
    check(napi_set_element(env, both, 1, result[1]));
    return both;
}

napi_value start(napi_env env, napi_callback_info info) {
    void* guest = nullptr;
    napi_get_instance_data(env, &guest);
    try {
        return start_job(*static_cast<Guest*>(guest), info);
    } catch (const std::exception& error) {
        napi_throw_error(env, nullptr, error.what());
        return nullptr;
    }
}

/// The environment ends. Node goes on running its loop until the handle is removed.
void leave(napi_async_cleanup_hook_handle, void* data) {
    auto* guest = static_cast<Guest*>(data);
    guest->leaving = true;
    napi_async_destroy(guest->env, guest->context);
    guest->loop->detach([guest] {
        napi_remove_async_cleanup_hook(guest->hook);
        delete guest;
    });
}

// A coroutine lambda would not do in here: g++ 12 gives it a name twice.
napi_value init(napi_env env, napi_value exports) {
    uv_loop_s* loop = nullptr;
    napi_value function = nullptr;
    check(napi_get_uv_event_loop(env, &loop));
    auto guest = std::make_unique<Guest>();
    guest->env = env;
    guest->loop = eddy::Loop::attach(loop, {.keep_alive = eddy::KeepHost::while_jobs});
    check(napi_async_init(env, nullptr, text(env, "embed_node"), &guest->context));
    check(napi_create_function(env, "start", NAPI_AUTO_LENGTH, start, nullptr, &function));
    check(napi_set_named_property(env, exports, "start", function));
    check(napi_set_instance_data(env, guest.get(), nullptr, nullptr));
    check(napi_add_async_cleanup_hook(env, leave, guest.get(), &guest->hook));
    static_cast<void>(guest.release());  // `leave` deletes it
    return exports;
}

}  // namespace

NAPI_MODULE_INIT() {
    try {
        return init(env, exports);
    } catch (const std::exception& error) {
        napi_throw_error(env, nullptr, error.what());
        return nullptr;
    }
}
